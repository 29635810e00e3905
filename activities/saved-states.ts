/** From a state that the trainer has saved locally to a checkpoint on its way to the store. */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { planOf } from '../contract/plan.ts';
import type { Validation } from '../contract/progress.ts';
import { byAccuracy } from '../contract/stages.ts';
import type { StoredState, TrainStepsInput } from '../contract/stages.ts';
import { checkpointAt, commitCheckpoint } from '../model/checkpoint.ts';
import type { CheckpointContext } from '../model/checkpoint.ts';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { ModelServices } from './services.ts';
import type { WarmTrainer } from './trainer-host.ts';
import type { Uploads } from './uploads.ts';

/** The state a segment begins from. */
export interface Begin {
  readonly step: number;
  /** The trainer held it already. */
  readonly warm: boolean;
  /** Of the state the trainer last loaded, which is in the store, or the initial one. */
  readonly loadedStep: number;
}

/** Has the trainer save the state it holds, and queues it. */
export async function saveHeldState(
  services: ModelServices,
  input: TrainStepsInput,
  trainer: WarmTrainer,
): Promise<void> {
  await save(services, trainer, false, savesOf(services, input, trainer));
}

/**
 * Has the trainer save the state it holds beside the others, where it is one of the best so far: a
 * better one may follow soon, so it goes up only with the next state that does.
 */
export async function keepIfBest(
  services: ModelServices,
  input: TrainStepsInput,
  trainer: WarmTrainer,
  validation: Validation,
): Promise<void> {
  const { inputs, validations, best } = input;
  const known = validations.filter(({ step }) => step !== validation.step && best.includes(step));
  const kept = byAccuracy([...known, validation])
    .slice(0, inputs.config.training.keepCheckpoints.best)
    .map(({ step }) => step);
  if (!kept.includes(validation.step)) return;
  const hold: Uploads['add'] = (saved, commit) =>
    services.uploads.hold(saved, commit, (step) => kept.includes(step));
  await save(services, trainer, true, savesOf(services, input, trainer, hold));
}

const save = (
  services: ModelServices,
  { client }: WarmTrainer,
  aside: boolean,
  onEvent: (event: TrainerEvent) => void,
): Promise<unknown> =>
  withSaves(services, onEvent, (statePrefix, noting) =>
    client.ask({ type: 'save', statePrefix, aside }, noting),
  );

/**
 * Gives `ask` a prefix for the folders of saved states, which their upload removes. What a save has
 * left that broke off is removed here: tries on a full disk would never let it get emptier.
 */
export async function withSaves<T>(
  { scratch }: ModelServices,
  onEvent: (event: TrainerEvent) => void,
  ask: (statePrefix: string, onEvent: (event: TrainerEvent) => void) => Promise<T>,
): Promise<T> {
  const statePrefix = join(scratch, `state-${randomUUID()}`);
  const saved = new Set<string>();
  const noting = (event: TrainerEvent): void => {
    onEvent(event);
    if (event.type === 'saved') saved.add(event.saved.directory);
  };
  try {
    return await ask(statePrefix, noting);
  } finally {
    await removeUnsaved(statePrefix, saved);
  }
}

async function removeUnsaved(statePrefix: string, saved: ReadonlySet<string>): Promise<void> {
  const folder = dirname(statePrefix);
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!path.startsWith(statePrefix) || saved.has(path)) continue;
    await rm(path, { recursive: true, force: true });
  }
}

/** Queues each state that the trainer says it has saved, or does with it what else is said. */
export function savesOf(
  { store, uploads }: ModelServices,
  input: TrainStepsInput,
  trainer: WarmTrainer,
  queue: Uploads['add'] = (saved, commit) => uploads.add(saved, commit),
): (event: TrainerEvent) => void {
  const { inputs, timeline } = input;
  const context = contextOf(input);
  return (event) => {
    if (event.type !== 'saved') return;
    const { directory, sinceStep, stallMs, step } = event.saved;
    trainer.stallSeconds = stallMs / 1000;
    const checkpoint = checkpointAt(inputs, timeline, step);
    const parent = sinceStep === 0 ? null : checkpointAt(inputs, timeline, sinceStep);
    const state = { checkpoint, parent, directory };
    queue(state, () => commitCheckpoint(store, context, state));
  };
}

/**
 * The newest state in the store on this way to `reached`, and since when: a run that was reset has
 * left others. Before this worker has brought one there, the one the trainer was loaded from.
 */
export function durableOf(
  uploads: Uploads,
  input: TrainStepsInput,
  begin: Begin,
  reached: number,
): { readonly step: number; readonly at: number | null } {
  const newest = storedBy(uploads, input);
  if (newest && newest.step <= reached) return newest;
  return { step: begin.loadedStep, at: null };
}

/** The newest state that this worker has brought to the store, if the run's decisions lead to it. */
export function storedBy(
  uploads: Pick<Uploads, 'durable'>,
  { inputs, timeline }: Pick<TrainStepsInput, 'inputs' | 'timeline'>,
): StoredState | undefined {
  const newest = uploads.durable(inputs.run);
  if (!newest) return undefined;
  const { lineage, step, at } = newest;
  return lineage === checkpointAt(inputs, timeline, step).lineage ? { step, at } : undefined;
}

export function contextOf({ inputs, timeline, validations }: TrainStepsInput): CheckpointContext {
  const plan = planOf(inputs, timeline);
  return { inputs, timeline, validations, plan };
}
