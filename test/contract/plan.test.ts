import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingInputs } from '../support/training-inputs.ts';
import {
  isValidated,
  nextMilestone,
  partPages,
  planOf,
  planShards,
  planTraining,
  position,
  shardBytesIn,
} from '../../contract/plan.ts';

test('shards cover every record once, in order, and none is over the bound', () => {
  for (const samples of [1, 2, 99, 100, 101, 12_345]) {
    const shards = planShards(samples, 3_072, 100 * 3_072);
    let next = 0;
    for (const [index, shard] of shards.entries()) {
      assert.equal(shard.index, index);
      assert.equal(shard.first, next);
      assert.ok(shard.count >= 1 && shard.count <= 100, `${shard.count} records`);
      next += shard.count;
    }
    assert.equal(next, samples);
  }
});

test('a set is cut into 16 shards or more, where they are not too small or too large for that', () => {
  const mib = 2 ** 20;
  const cut = (samples: number): number =>
    planShards(samples, mib, shardBytesIn(samples * mib, 128 * mib)).length;
  assert.deepEqual([8, 16, 100, 128, 1_000, 2_048, 20_480].map(cut), [1, 2, 13, 16, 17, 16, 160]);
});

test("CIFAR-10's sides are cut as they always were", () => {
  for (const samples of [36_000, 12_000, 3_000]) {
    assert.equal(shardBytesIn(samples * 3_072, 128 * 2 ** 20), 8 * 2 ** 20);
  }
});

test('a record larger than the bound gets a shard of its own', () => {
  assert.equal(planShards(3, 1_000, 10).length, 3);
});

const plan = planTraining(100, { batchSize: 32, epochs: 3, validateEverySteps: 5 });

test('an epoch takes each sample once: a smaller batch at its end is a step too', () => {
  assert.equal(plan.stepsPerEpoch, 4);
});

test('the position of a step is its epoch and its first sample in it', () => {
  assert.deepEqual(position(plan, 0), { epoch: 0, sampleInEpoch: 0 });
  assert.deepEqual(position(plan, 7), { epoch: 1, sampleInEpoch: 96 });
  assert.deepEqual(position(plan, 8), { epoch: 2, sampleInEpoch: 0 });
});

test('milestones are validations, ends of epochs and the last step', () => {
  const milestones: number[] = [];
  for (let step = 0; step < plan.steps;) milestones.push((step = nextMilestone(plan, step)));
  assert.deepEqual(milestones, [4, 5, 8, 10, 12]);
});

test('the state after the last step is validated whatever the interval', () => {
  assert.deepEqual(
    [4, 5, 8, 10, 12].filter((step) => isValidated(plan, step)),
    [5, 10, 12],
  );
});

test('a stage’s parts are made by an activity each, or by 64 that have about as many each', () => {
  for (const parts of [0, 1, 64, 65, 100, 1_000, 12_345]) {
    const pages = partPages(parts);
    assert.equal(pages.length, Math.min(parts, 64));
    let next = 0;
    for (const page of pages) {
      assert.equal(page.part, next);
      assert.ok(Math.abs(page.parts - parts / pages.length) < 1, `${page.parts} parts`);
      next += page.parts;
    }
    assert.equal(next, parts);
  }
});

test('a plan goes by the decisions: the last extension, and the step at which training was stopped', () => {
  const inputs = trainingInputs({ training: { batchSize: 100, epochs: 4 } });
  const extended = [
    { fromStep: 10, epochs: 6 },
    { fromStep: 30, epochs: 5 },
  ];
  const stopped = [...extended, { fromStep: 37, stop: 'asked' as const }];
  const ends = [[], extended, stopped].map((timeline) => planOf(inputs, timeline));
  assert.deepEqual(
    ends.map(({ epochs, steps }) => [epochs, steps]),
    [
      [4, 40],
      [5, 50],
      [5, 37],
    ],
  );
  assert.equal(isValidated(ends[2]!, 37), true);
});
