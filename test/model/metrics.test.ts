import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarise } from '../../model/metrics.ts';

/** Sure of what it predicts. */
const sure = (label: number, predicted: number, classes: number) => ({
  label,
  predicted,
  probabilities: Array.from({ length: classes }, (_, index) => (index === predicted ? 1 : 0)),
});

test('accuracy, precision, recall and confusion follow from the counts', () => {
  const metrics = summarise([sure(0, 0, 2), sure(0, 0, 2), sure(0, 1, 2), sure(1, 1, 2)], 2);
  assert.equal(metrics.samples, 4);
  assert.equal(metrics.accuracy, 0.75);
  assert.deepEqual(metrics.confusion, [
    [2, 1],
    [0, 1],
  ]);
  const [first, second] = metrics.classes;
  assert.deepEqual(first, { precision: 1, recall: 2 / 3, f1: 0.8, support: 3 });
  assert.deepEqual(second, { precision: 0.5, recall: 1, f1: 2 / 3, support: 1 });
});

test('the loss is the mean cross-entropy in nats, finite for a probability of zero', () => {
  const even = { label: 0, predicted: 0, probabilities: [0.5, 0.5] };
  assert.equal(summarise([even, even], 2).loss, Math.log(2));
  assert.ok(Number.isFinite(summarise([sure(0, 1, 2)], 2).loss));
});

test('top 5 counts a label with fewer than five likelier classes', () => {
  const probabilities = [0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05];
  const at = (label: number) => ({ label, predicted: 0, probabilities });
  assert.equal(summarise([at(4)], 7).top5, 1);
  assert.equal(summarise([at(5)], 7).top5, 0);
});

test('no predictions, and a class that never comes, give zeros and no NaN', () => {
  assert.equal(summarise([], 2).accuracy, 0);
  const [, never] = summarise([sure(0, 0, 2)], 2).classes;
  assert.deepEqual(never, { precision: 0, recall: 0, f1: 0, support: 0 });
});
