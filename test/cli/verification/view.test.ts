import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verificationLines } from '../../../cli/view/verification.ts';
import type { Verification } from '../../../cli/view/verification.ts';
import { noColors } from '../support.ts';

const run = { steps: 1_368, seconds: 60, finalDigest: 'f'.repeat(64), modelDigest: 'b'.repeat(64) };
const verification: Verification = {
  undisturbed: { ...run, run: 'undisturbed' },
  killed: { ...run, run: 'killed' },
  planned: 2,
  costs: [
    {
      ...{ target: 'gpu worker', signal: 'SIGKILL', atStep: 1_057, lostSteps: 9 },
      ...{ resumedSeconds: 12.34, newStepSeconds: 13.46 },
    },
    { target: 'S3', signal: 'SIGTERM', atStep: 1_368, lostSteps: 0 },
  ],
  intervalSteps: 16,
  samples: 720,
  epochs: 16,
  differences: [],
  shortfalls: [],
};

test('each kill is a row, and the end says that all was the same', () => {
  assert.deepEqual(verificationLines(verification, noColors), [
    '',
    '#  what        how      at step  steps lost  next step  next new step',
    '1  gpu worker  SIGKILL    1,057           9     12.3 s         13.5 s',
    '2  S3          SIGTERM    1,368           0          -              -',
    '',
    'At most 9 steps were lost by a kill; one interval is 16.',
    'The same to the last bit after 2 kills: final weights ffffffffffff, best weights bbbbbbbbbbbb, the loss of each of 1,368 steps, and each of 720 training samples once an epoch for 16 epochs, in the same order.',
  ]);
});

test('what differs is said, with the folder of both runs', () => {
  const differences = ['losses: of 1,368 steps undisturbed, of 1,367 under kills'];
  const lines = verificationLines({ ...verification, differences, folder: '/tmp/x' }, noColors);
  assert.deepEqual(lines.slice(-3), [
    'Not the same after 2 kills:',
    '  losses: of 1,368 steps undisturbed, of 1,367 under kills',
    "Servers' data and logs of both runs: /tmp/x",
  ]);
});

test('steps lost beyond the interval are no proof, though the bits are the same', () => {
  const shortfalls = ['kill 1: 20 steps lost'];
  const lines = verificationLines({ ...verification, shortfalls, folder: '/tmp/x' }, noColors);
  assert.deepEqual(lines.slice(-3, -1), [
    'The same bits, but no proof, after 2 kills:',
    '  kill 1: 20 steps lost',
  ]);
});

test('kills that came too late are counted', () => {
  const lines = verificationLines({ ...verification, planned: 5 }, noColors);
  assert.ok(lines.includes('The run had ended before 3 more could come.'));
});
