/** What a run takes over from another one, for tests of where it goes on. */
import type { CheckpointReference, Takeover, ValidatedState } from '../../contract/stages.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';
import { training } from './harness.ts';

/** A state of the other run. */
export const theirs = (step: number): CheckpointReference => ({
  run: 'their-run',
  lineage: 'theirs',
  step,
});

const validated = (step: number): ValidatedState => ({
  ...{ step, epoch: step / 3, loss: 1, accuracy: 1 - step / 100, top5: 1 },
  checkpoint: theirs(step),
});

/** What is taken over from a run that had validated these steps and reached `step`. */
export function takeoverAt(
  step: number,
  validations: number[],
  change: Partial<Takeover> = {},
): Takeover {
  return {
    ...{ run: 'their-run', workflowId: 'theirs' },
    origin: theirs(step),
    forked: false,
    forkedFrom: null,
    step,
    inputs: trainingInputs({ training }),
    timeline: [
      { fromStep: 0, numerics },
      { fromStep: 3, learningRate: 0.5 },
    ],
    validations: validations.map(validated),
    changes: [],
    ...change,
  };
}
