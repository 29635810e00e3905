import assert from 'node:assert/strict';
import { test } from 'node:test';
import { augmentedShards } from '../../contract/stages.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const viewsOf = (views: number | undefined): number[] => {
  const inputs = trainingInputs({ augment: { views } });
  return [0, 1, 2, 3, 4].map((epoch) => augmentedShards(inputs, epoch).view);
};

test('each epoch has a fresh view, or the one of K whose turn it is', () => {
  assert.deepEqual(viewsOf(undefined), [0, 1, 2, 3, 4]);
  assert.deepEqual(viewsOf(2), [0, 1, 0, 1, 0]);
  assert.deepEqual(viewsOf(1), [0, 0, 0, 0, 0]);
});

test('a view is the same shards however often it is used', () => {
  const [fresh, reused] = [trainingInputs(), trainingInputs({ augment: { views: 2 } })];
  assert.deepEqual(augmentedShards(reused, 3), augmentedShards(fresh, 1));
});

test("how batches are mixed is no part of an epoch's shards", () => {
  const [plain, mixing] = [
    trainingInputs(),
    trainingInputs({ augment: { mixup: 0.2, cutmix: 1 } }),
  ];
  assert.deepEqual(augmentedShards(mixing, 3), augmentedShards(plain, 3));
});
