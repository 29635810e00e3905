import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exp, ln } from '../../data/exponential.ts';

test('the logarithm is within 1e-14', () => {
  for (const value of [1e-6, 0.01, 0.3, 0.7499, 0.75, 1, 1.4, 1.5, 1.51, 2, 3.3, 1e5, 4e6]) {
    const wanted = Math.log(value);
    const error = Math.abs(ln(value) - wanted) / Math.max(1, Math.abs(wanted));
    assert.ok(error < 1e-14, `${value}: ${ln(value)}`);
  }
  assert.equal(ln(1), 0);
});

test('the exponential is within 1e-14 of itself', () => {
  for (let value = -20; value <= 20; value += 0.37) {
    assert.ok(Math.abs(exp(value) / Math.exp(value) - 1) < 1e-14, `${value}: ${exp(value)}`);
  }
  assert.equal(exp(0), 1);
});
