import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import {
  changeText,
  changesBetween,
  refusedChanges,
  trainingIdentity,
} from '../../contract/forks.ts';

const config = (input: ConfigInput = {}) => configSchema.parse(input);
const changes = (after: ConfigInput, before: ConfigInput = {}) =>
  changesBetween(config(before), config(after));

test('equal configurations have no changes', () => {
  assert.deepEqual(changes({}), []);
});

test('a change names its key and both values, also where one of them is unset', () => {
  assert.deepEqual(changes({ training: { epochs: 20, clipGlobalNorm: 1 } }).map(changeText), [
    'training.clipGlobalNorm: unset -> 1',
    'training.epochs: 10 -> 20',
  ]);
});

test('what a state can be gone on with is not refused', () => {
  const allowed: ConfigInput = {
    augment: { flip: 0 },
    model: { dropout: 0.1, batchNormMomentum: 0.9 },
    training: {
      epochs: 20,
      learningRate: { initial: 0.1 },
      weightDecay: 0.1,
      precision: 'float32',
      optimizer: { name: 'rmsprop', rho: 0.8 },
    },
  };
  assert.deepEqual(refusedChanges(changes(allowed)), []);
});

for (const [what, change] of Object.entries({
  'another seed': { seed: 1 },
  'other images': { dataset: { limit: 10 } },
  'another network': { model: { stem: 'small' } },
  'other learning variables': { model: { trainable: 'head' } },
  'another batch size': { training: { batchSize: 8 } },
  'another optimizer': { training: { optimizer: { name: 'adamw' } } },
  'momentum where there was none': {
    training: { optimizer: { name: 'rmsprop', momentum: 0.9 } },
  },
  'averages where there were none': { training: { averageDecay: 0.9 } },
} satisfies Record<string, ConfigInput>)) {
  test(`${what} is refused with the key, both values and the reason`, () => {
    const [problem] = refusedChanges(changes(change));
    assert.match(problem ?? '', /^[\w.]+: .+ -> .+ is not possible: the /);
  });
}

test('another optimizer is refused by its name alone, not by keys that nobody set', () => {
  for (const name of ['sgd', 'adamw'] as const) {
    const keys = refusedChanges(changes({ training: { optimizer: { name } } }));
    assert.deepEqual(
      keys.map((problem) => problem.split(':')[0]),
      ['training.optimizer.name'],
    );
  }
});

test('another momentum or decay of averages, where there is one, is not refused', () => {
  const before: ConfigInput = {
    training: { optimizer: { name: 'sgd', momentum: 0.9 }, averageDecay: 0.9 },
  };
  const after: ConfigInput = {
    training: { optimizer: { name: 'sgd', momentum: 0.8 }, averageDecay: 0.99 },
  };
  assert.deepEqual(refusedChanges(changes(after, before)), []);
});

test('how often is saved, validated or handed back, and what ends training, say nothing of the bits', () => {
  const identity = (training: ConfigInput['training']) => trainingIdentity(config({ training }));
  const other = {
    sliceSeconds: 5,
    validateEverySteps: 7,
    checkpointEverySteps: 3,
    checkpointEverySeconds: 9,
    keepCheckpoints: { newest: 5 },
    plateau: { patience: 1 },
    earlyStop: { patience: 1 },
    target: 0.5,
    strict: true,
  };
  assert.deepEqual(identity(other), identity({}));
  assert.notDeepEqual(identity({ epochs: 3 }), identity({}));
});

test('how long views are kept says nothing of the bits either', () => {
  const identity = (keepDays: number) => trainingIdentity(config({ augment: { keepDays } }));
  assert.deepEqual(identity(1), identity(30));
});
