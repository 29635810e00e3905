import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meanInterval } from '../../bench/statistics.ts';

test("the interval of a mean is Student's", () => {
  // Of 1 to 10: mean 5.5, standard error 0.95743, and t(0.95, 9) = 1.83311.
  const { mean, low, high } = meanInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(mean, 5.5);
  assert.ok(Math.abs(low - (5.5 - 1.75508)) < 1e-3, String(low));
  assert.ok(Math.abs(high - (5.5 + 1.75508)) < 1e-3, String(high));
});
