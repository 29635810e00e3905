import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followRun } from '../../cli/follow.ts';
import type { RunSnapshot } from '../../cli/view/snapshot.ts';
import { fakeRuns, progressAt, result } from './support.ts';

const completed = { status: 'completed', result } as const;

/** Follows a run; `at` is called after each look, with the number of looks so far. */
async function follow(
  runs: ReturnType<typeof fakeRuns>,
  at: (look: number, snapshot: RunSnapshot) => void,
  everyMs = 2,
) {
  const snapshots: RunSnapshot[] = [];
  const controller = new AbortController();
  await runs.start('a', {});
  const outcome = await followRun(runs, 'a', {
    signal: controller.signal,
    everyMs,
    show(snapshot) {
      snapshots.push(snapshot);
      at(snapshots.length, snapshot);
      if (snapshots.length > 500) controller.abort();
    },
  });
  return { outcome, snapshots, controller };
}

test('a run is shown until it has ended, and the last view is its last word', async () => {
  const runs = fakeRuns({ progress: progressAt('split'), historyLength: 1 });
  const { outcome, snapshots } = await follow(runs, (look) => {
    if (look === 3) {
      runs.state = { progress: progressAt('report'), historyLength: 9, outcome: completed };
    }
  });
  assert.deepEqual(outcome, completed);
  assert.equal(snapshots.length, 4);
  assert.deepEqual(snapshots.at(-1)?.progress, progressAt('report'));
});

test('a server that is away is waited for', async () => {
  const runs = fakeRuns({ progress: progressAt('split'), historyLength: 1 });
  const { outcome, snapshots } = await follow(runs, (look) => {
    if (look === 2) runs.state.away = true;
    if (look === 5) runs.state.away = false;
    if (look === 6) runs.state.outcome = completed;
  });
  assert.deepEqual(outcome, completed);
  assert.deepEqual(
    snapshots.map(({ awaySince }) => awaySince !== undefined),
    [false, false, true, true, true, false, false],
  );
  assert.equal(new Set(snapshots.slice(2, 5).map(({ awaySince }) => awaySince)).size, 1);
  assert.deepEqual(snapshots[4]?.progress, progressAt('split'));
});

test('the step of the last heartbeat is remembered, until a problem comes up', async () => {
  const progress = progressAt('train');
  const runs = fakeRuns({ progress, historyLength: 1 });
  const usual = runs.describe.bind(runs);
  let heartbeat: { step: number } | undefined = { step: 72 };
  runs.describe = async (id) => {
    const activities = heartbeat ? [{ type: 'trainSteps', attempt: 1, heartbeat }] : [];
    return { ...(await usual(id)), activities };
  };
  const { snapshots } = await follow(runs, (look) => {
    if (look === 2) heartbeat = undefined;
    if (look === 4) {
      const lastProblem = { at: 1, message: 'the trainer ended' };
      runs.state = { progress: { ...progress, lastProblem }, historyLength: 2 };
    }
    if (look === 20) runs.state.outcome = completed;
  });
  const told = snapshots.map(({ seenStep }) => seenStep);
  assert.deepEqual(told.slice(0, 4), [72, 72, 72, 72]);
  assert.equal(told.at(-1), undefined);
});

test('the run is asked for its progress only when its history has grown, or two looks have passed', async () => {
  const runs = fakeRuns({ progress: progressAt('split'), historyLength: 1 });
  const started = Date.now();
  const { snapshots } = await follow(
    runs,
    (look) => {
      if (look === 10) runs.state.outcome = completed;
    },
    20,
  );
  const looks = snapshots.length;
  const mostByTime = 2 + Math.ceil((Date.now() - started) / 40);
  assert.ok(runs.queries < looks, `${runs.queries} queries in ${looks} looks`);
  assert.ok(runs.queries <= mostByTime, `${runs.queries} queries, at most ${mostByTime} by time`);
});

test('the signal ends the looking', async () => {
  const runs = fakeRuns({ progress: progressAt('split'), historyLength: 1 });
  const controller = new AbortController();
  await runs.start('a', {});
  const outcome = await followRun(runs, 'a', {
    signal: controller.signal,
    show: () => controller.abort(),
    everyMs: 60_000,
  });
  assert.equal(outcome, undefined);
});

test('a run that is not there is an error, not something to wait for', async () => {
  const runs = fakeRuns({ progress: progressAt('split'), historyLength: 1 });
  const options = { signal: new AbortController().signal, show: () => undefined };
  await assert.rejects(followRun(runs, 'other', options), /There is no run 'other'/);
});
