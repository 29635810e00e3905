import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import { decidedRate, learningRateAt } from '../../model/learning-rate.ts';

const initial = 0.1;
const decay = { decayRate: 0.5, decaySteps: 20 };
const near = (got: number, expected: number): void =>
  assert.ok(Math.abs(got - expected) < 1e-12, `${got} is not ${expected}`);

test('a constant rate is the same at every step', () => {
  const rate = { schedule: 'constant', initial, warmupSteps: 0, ...decay } as const;
  for (const step of [0, 5, 99]) assert.equal(learningRateAt(rate, step, 100), initial);
});

test('the warm-up goes up in equal steps and ends at the full rate', () => {
  const rate = { schedule: 'constant', initial, warmupSteps: 4, ...decay } as const;
  for (const step of [0, 1, 2, 3])
    near(learningRateAt(rate, step, 100), (initial * (step + 1)) / 4);
  assert.equal(learningRateAt(rate, 4, 100), initial);
});

test('the cosine begins at the full rate, is at half of it half-way, and near zero at the end', () => {
  const rate = { schedule: 'cosine', initial, warmupSteps: 10, ...decay } as const;
  assert.equal(learningRateAt(rate, 10, 110), initial);
  near(learningRateAt(rate, 60, 110), initial / 2);
  assert.ok(learningRateAt(rate, 109, 110) < initial / 1_000);
});

test('a warm-up as long as the training never comes to the cosine', () => {
  const rate = { schedule: 'cosine', initial, warmupSteps: 10, ...decay } as const;
  near(learningRateAt(rate, 9, 10), initial);
});

test('the exponential rate falls by its share every so many steps after the warm-up', () => {
  const rate = { schedule: 'exponential', initial, warmupSteps: 10, ...decay } as const;
  assert.equal(learningRateAt(rate, 10, 100), initial);
  near(learningRateAt(rate, 30, 100), initial / 2);
  near(learningRateAt(rate, 50, 100), initial / 4);
});

test('from an extension on, a schedule ends with the epochs that are then planned; before, nothing changes', () => {
  const { training } = configSchema.parse({
    training: { epochs: 10, learningRate: { schedule: 'cosine', initial } },
  });
  const plan = { stepsPerEpoch: 10 };
  const timeline = [
    { fromStep: 60, epochs: 20 },
    { fromStep: 80, stop: 'asked' as const },
  ];
  const rateAt = (step: number) => decidedRate({ training, plan, timeline }, step);
  near(rateAt(50), initial / 2);
  near(rateAt(59), learningRateAt(training.learningRate, 59, 100));
  near(rateAt(60), learningRateAt(training.learningRate, 60, 200));
  near(rateAt(79), learningRateAt(training.learningRate, 79, 200));
});
