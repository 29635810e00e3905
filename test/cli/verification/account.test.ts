import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findShortfalls, openAccount } from '../../../cli/verification/account.ts';
import type { Account } from '../../../cli/verification/account.ts';

const kill = { target: 'gpu worker', signal: 'SIGKILL' } as const;
const [first, second] = [100, 200];

/** An account of a trainer that has taken steps 1 to `steps`, one a second. */
function accountAfter(steps: number): Account {
  const account = openAccount();
  for (let step = 1; step <= steps; step += 1) account.seen(first, step, 1_000 * step);
  return account;
}

test('a successor that begins at an older state has lost the steps in between', () => {
  const account = accountAfter(10);
  account.killed(kill, 10_500, [first]);
  account.seen(second, 9, 14_000);
  account.seen(second, 10, 15_000);
  account.seen(second, 11, 16_000);
  assert.deepEqual(account.costs, [
    { ...kill, atStep: 10, lostSteps: 2, resumedSeconds: 3.5, newStepSeconds: 5.5 },
  ]);
  assert.equal(account.trainer, second);
});

test('a trainer that goes on as if nothing had happened has lost nothing', () => {
  const account = accountAfter(10);
  account.killed({ target: 'S3', signal: 'SIGKILL' }, 10_500, []);
  account.seen(first, 11, 11_000);
  assert.equal(account.costs[0]!.lostSteps, 0);
  assert.equal(account.costs[0]!.resumedSeconds, 0.5);
});

test('the last steps of a trainer that lost its run are not the run going on', () => {
  const account = accountAfter(10);
  account.killed(kill, 10_500, [first]);
  account.seen(first, 11, 11_000);
  assert.equal(account.resumed, false);
  assert.equal(account.step, 10);
});

test('an orphan that wakes up beside its successor counts for nothing', () => {
  const account = accountAfter(10);
  account.killed(kill, 10_500, [first]);
  account.seen(second, 9, 14_000);
  account.seen(first, 11, 15_000);
  account.seen(first, 12, 16_000);
  assert.equal(account.step, 10);
  assert.equal(account.trainer, second);
});

test('a trainer that lost its run and is given it again is the run going on', () => {
  const account = accountAfter(10);
  account.killed(kill, 10_500, [first]);
  account.seen(first, 9, 14_000);
  assert.equal(account.resumed, true);
  assert.equal(account.costs[0]!.lostSteps, 2);
});

test('a kill after the last step costs nothing', () => {
  const account = accountAfter(10);
  account.killed(kill, 10_500, [first]);
  assert.deepEqual(account.costs, [{ ...kill, atStep: 10, lostSteps: 0 }]);
});

test('a kill may cost one interval, and no step more', () => {
  const cost = { ...kill, atStep: 40 };
  assert.deepEqual(findShortfalls([{ ...cost, lostSteps: 16 }], 2, 16), []);
  assert.deepEqual(findShortfalls([{ ...cost, lostSteps: 17 }], 2, 16), [
    'kill 1, gpu worker by SIGKILL after step 40: 17 steps lost, more than one interval of 16',
  ]);
});

test('a plan of kills of which none came is said to be none', () => {
  assert.match(findShortfalls([], 3, 16)[0]!, /^kills: the run had ended before the first of 3;/);
});
