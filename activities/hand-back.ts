/** Lets go of a run that stops for a while: its state is saved and stored, then the trainer's process ends. */
import type { StoredState, TrainStepsInput } from '../contract/stages.ts';
import { stateKeyOf } from './resume-state.ts';
import { storedBy } from './saved-states.ts';
import type { ModelServices } from './services.ts';
import { programOf } from './train-steps.ts';

/**
 * Nothing is to be done when another run has taken the trainer since: what it saved is on its way. A
 * state that nobody knows, after a segment that failed, is of use to none. A cancellation and a
 * shutdown do not end it: both want the state stored. Throws `StateNotSaved` where that could not be,
 * once what was saved before is stored. Returns the newest state that this worker has
 * brought to the store; null: it has brought none.
 */
export async function handBack(
  services: Pick<ModelServices, 'trainer' | 'uploads'>,
  input: TrainStepsInput,
): Promise<StoredState | null> {
  const { trainer: host, uploads } = services;
  try {
    await host.useWarm(programOf(input.inputs), async (trainer) => {
      const { stateKey } = trainer;
      const isTaken = stateKey !== undefined && stateKey !== stateKeyOf(input, input.reachedStep);
      if (!isTaken) await host.close();
    });
  } finally {
    await uploads.settled(input.inputs.run);
  }
  return storedBy(uploads, input) ?? null;
}
