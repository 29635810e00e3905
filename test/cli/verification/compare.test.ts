import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDifferences } from '../../../cli/verification/compare.ts';
import type { TrainingTrace } from '../../../cli/verification/compare.ts';

/** Two epochs of three samples, a step a sample. */
const trace: TrainingTrace = {
  finalDigest: 'f1',
  modelDigest: 'b1',
  train: ['a', 'b', 'c'],
  losses: [3, 2.5, 2, 1.5, 1, 0.5],
  ledger: ['b', 'a', 'c', 'c', 'a', 'b'],
};

test('equal runs differ in nothing', () => {
  assert.deepEqual(findDifferences(trace, { ...trace }), []);
});

test('other weights are told by their digests', () => {
  assert.deepEqual(findDifferences(trace, { ...trace, finalDigest: 'f2', modelDigest: 'b2' }), [
    'final weights: SHA-256 f1 undisturbed, f2 under kills',
    'best weights: SHA-256 b1 undisturbed, b2 under kills',
  ]);
});

test('a loss that is off in its last bit is told with its step', () => {
  const off = 2 + 2 ** -22;
  assert.deepEqual(findDifferences(trace, { ...trace, losses: [3, 2.5, off, 1.5, 1, 0.5] }), [
    `losses: 1 of 6 differ, the first in step 3: 2 undisturbed, ${off} under kills`,
  ]);
});

test('a step that is missing is told', () => {
  assert.deepEqual(findDifferences(trace, { ...trace, losses: trace.losses.slice(1) }), [
    'losses: of 6 steps undisturbed, of 5 under kills',
  ]);
});

test('a sample that is read twice in an epoch, in the place of another, is told', () => {
  const ledger = ['b', 'a', 'c', 'c', 'a', 'a'];
  assert.deepEqual(findDifferences(trace, { ...trace, ledger }), [
    'samples: in epoch 2 the run under kills read 2 of 3 training samples, in 3 readings',
    'samples: the order differs from number 6 on: b undisturbed, a under kills',
  ]);
});

test('an undisturbed run that skips a sample is told, though both runs do', () => {
  const short = { ...trace, ledger: trace.ledger.slice(0, 5) };
  assert.deepEqual(findDifferences(short, short), [
    'samples: in epoch 2 the undisturbed run read 2 of 3 training samples, in 2 readings',
    'samples: in epoch 2 the run under kills read 2 of 3 training samples, in 2 readings',
  ]);
});

test('another order is told, though each sample is read once an epoch', () => {
  const ledger = ['b', 'c', 'a', 'c', 'a', 'b'];
  assert.deepEqual(findDifferences(trace, { ...trace, ledger }), [
    'samples: the order differs from number 2 on: a undisturbed, c under kills',
  ]);
});
