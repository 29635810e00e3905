/** Inputs of a training that never runs, for tests of what is derived from them. */
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import type { TrainingInputs } from '../../contract/stages.ts';
import type { Numerics } from '../../contract/timeline.ts';

export const numerics: Numerics = {
  graph: '4'.repeat(64),
  tensorflow: '2.18.0',
  device: 'cpu',
  instructions: 'avx2',
  threads: 2,
  precision: 'float32',
};

export function trainingInputs(config: ConfigInput = {}): TrainingInputs {
  return {
    run: 'run-1',
    config: configSchema.parse(config),
    classes: ['cat', 'dog'],
    dataset: '0'.repeat(64),
    split: '1'.repeat(64),
    weights: null,
    train: '2'.repeat(64),
    validation: '3'.repeat(64),
    samples: 1_000,
  };
}
