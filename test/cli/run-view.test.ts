import assert from 'node:assert/strict';
import { test } from 'node:test';
import picocolors from 'picocolors';
import { runLines } from '../../cli/view/run-view.ts';
import type { RunSnapshot } from '../../cli/view/snapshot.ts';
import type { TrainHeartbeat, TrainingProgress } from '../../contract/progress.ts';
import { noColors, progressAt, ten, trainingAtStep400 } from './support.ts';

process.env['TZ'] = 'UTC';

const quiet = { activities: [], decisionAttempt: 1 };
const lines = (snapshot: RunSnapshot) => runLines(snapshot, noColors);
const heartbeat: TrainHeartbeat = {
  step: 480,
  loss: 1.3456,
  learningRate: 0.000654321,
  imagesPerSecond: 333.3,
  durableStep: 400,
  durableAt: ten,
  trainerSeconds: 90,
  phase: 'training',
};
const training = (beat: TrainHeartbeat): RunSnapshot => ({
  at: ten + 65_000,
  decisionAttempt: 1,
  activities: [{ type: 'trainSteps', attempt: 1, heartbeat: beat }],
  progress: progressAt('train', { done: 400, total: 1175 }, { training: trainingAtStep400 }),
});

const downloading = (total?: number): RunSnapshot => ({
  at: ten + 3_000,
  decisionAttempt: 1,
  progress: progressAt('ingest'),
  activities: [
    {
      type: 'ingestDataset',
      attempt: 1,
      heartbeat: { bytes: 40_700_000, ...(total && { total }) },
    },
  ],
});

test('before a worker has answered, the view says what it waits for', () => {
  assert.deepEqual(lines({ at: ten, ...quiet }), ['waiting for a worker to take the run up']);
});

test('once training has ended before its last step, the view says where and why', () => {
  const training = { ...trainingAtStep400, steps: 400, stopped: 'early stop' as const };
  const progress = progressAt('predict', {}, { training });
  assert.equal(
    lines({ at: ten, ...quiet, progress }).at(-1),
    'Training ended after step 400, before the last one planned: validation got no better.',
  );
});

test('a stage with parts has a bar, a share and a count', () => {
  const progress = progressAt('shards', { done: 3, total: 12 });
  assert.deepEqual(lines({ at: ten + 12_000, ...quiet, progress }), [
    '✓ configure     0.4 s',
    '✓ ingest        0.4 s',
    '✓ split         0.4 s',
    '▶ shards         12 s  █████░░░░░░░░░░░░░░░  25 %   3/12',
    '· train',
    '· predict',
    '· report',
  ]);
});

test('a download shows its bytes', () => {
  assert.equal(
    lines(downloading(162_800_000))[1],
    '▶ ingest        3.0 s  █████░░░░░░░░░░░░░░░  25 %  downloaded 40.7 MB of 162.8 MB',
  );
  assert.equal(lines(downloading())[1], '▶ ingest        3.0 s downloaded 40.7 MB');
});

test('in training, the heartbeat brings the milestones up to date', () => {
  assert.deepEqual(lines(training(heartbeat)).slice(4, 8), [
    '▶ train      1 m 05 s  ████████░░░░░░░░░░░░  40 %   480/1,175',
    '    epoch 3/5, step 480/1,175, 333 images/s, loss 1.346, learning rate 0.000654, ETA 2 m 13 s',
    '    validation accuracy 41.2 % at step 400; on cpu (avx512, 2 threads), float32',
    '    last durable checkpoint: step 400, 10:00:00 (1 m 05 s ago)',
  ]);
});

test('a trainer that still loads its state has no speed of its own', () => {
  const loading: TrainHeartbeat = {
    ...heartbeat,
    step: 400,
    loss: 0,
    learningRate: 0,
    imagesPerSecond: 0,
    phase: 'loading',
  };
  assert.equal(
    lines(training(loading))[5],
    '    epoch 2/5, step 400/1,175, loading, 320 images/s, loss 1.500, ETA 2 m 35 s',
  );
});

test('a run that is held in training says how it takes another rate, or ends', () => {
  const held = { stage: 'train', at: ten, message: 'step 401: the loss is NaN' } as const;
  const linesOf = (training: TrainingProgress | undefined): string[] => {
    const progress = progressAt('train', {}, { held, ...(training && { training }) });
    return lines({ at: ten, ...quiet, progress });
  };
  assert.match(
    linesOf(trainingAtStep400).at(-1)!,
    /^before that, `npx nightshift set <run> learning-rate=\.\.` .+; `npx nightshift stop` finishes by/,
  );
  for (const over of [undefined, { ...trainingAtStep400, stopped: 'asked' as const }]) {
    assert.match(linesOf(over).at(-1)!, /^mend what is wrong, /);
  }
});

test('a paused run says what is stored, and has no speed and no time to go', () => {
  const paused = (
    change: Partial<TrainingProgress>,
    activities: RunSnapshot['activities'] = [],
  ) => {
    const training = { ...trainingAtStep400, ...change };
    const progress = progressAt('train', {}, { training, paused: true });
    return lines({ at: ten, decisionAttempt: 1, activities, progress });
  };
  const whole = paused({});
  assert.equal(whole[5], '    epoch 2/5, step 400/1,175, loss 1.500');
  assert.equal(
    whole.at(-1),
    'paused: its state after step 400 is stored, its GPU free; `npx nightshift resume` goes on',
  );
  assert.match(
    paused({ durableStep: 350 }).at(-1)!,
    /^paused after step 400, but the newest stored state is that after step 350: .+ trained again/,
  );
  assert.match(paused({ durableStep: 0 }).at(-1)!, /but no state is stored/);
  for (const type of ['trainSteps', 'handBack']) {
    assert.equal(
      paused({}, [{ type, attempt: 1 }]).at(-1),
      'pausing: its state is being saved and stored',
    );
  }
});

test('a step that was told of is not taken back by a progress from before', () => {
  const ended = { ...training(heartbeat), activities: [], seenStep: 480 };
  assert.match(lines(ended)[5]!, /step 480\/1,175/);
  const next = [{ type: 'trainSteps', attempt: 1, heartbeat: { ...heartbeat, step: 420 } }];
  assert.match(lines({ ...ended, activities: next })[5]!, /step 420\/1,175/, 'a trainer knows');
});

test('a trainer that has nothing to tell yet starts', () => {
  const progress = progressAt('train');
  assert.equal(lines({ at: ten, ...quiet, progress })[5], '    the trainer starts');
  const { loss: _, imagesPerSecond: _speed, ...fresh } = trainingAtStep400;
  const activities = [{ type: 'trainSteps', attempt: 1 }];
  const begun = progressAt('train', {}, { training: { ...fresh, step: 0, validations: [] } });
  assert.equal(
    lines({ at: ten, decisionAttempt: 1, activities, progress: begun })[5],
    '    epoch 1/5, step 0/1,175, the trainer starts',
  );
});

test('training that no worker has taken up says so, and has no time to go', () => {
  const activities = [{ type: 'trainSteps', attempt: 1, waits: true }];
  assert.equal(
    lines({ ...training(heartbeat), activities })[5],
    '    epoch 2/5, step 400/1,175, waiting for a gpu worker, 320 images/s, loss 1.500',
  );
});

test('the best validation is named when it is not the last', () => {
  const { best } = trainingAtStep400;
  const worse = { step: 600, epoch: 3, loss: 1.7, accuracy: 0.39, top5: 0.88 };
  const progress = progressAt('train', undefined, {
    training: { ...trainingAtStep400, validations: [worse], best: best!, resumes: 2 },
  });
  assert.deepEqual(lines({ at: ten + 14_000, ...quiet, progress }).slice(6, 8), [
    '    validation accuracy 39.0 % at step 600, best 41.2 % at step 400; on cpu (avx512, 2 threads), float32',
    '    last durable checkpoint: step 400, 10:00:00 (14 s ago); resumed 2 times',
  ]);
});

test('before the first milestone there is nothing to show but the step', () => {
  const { steps, epochs, stepsPerEpoch, batchSize } = trainingAtStep400;
  const fresh = { steps, epochs, stepsPerEpoch, batchSize, step: 0, durableStep: 0, resumes: 0 };
  const progress = progressAt('train', undefined, { training: { ...fresh, validations: [] } });
  assert.deepEqual(lines({ at: ten, ...quiet, progress }).slice(5, 8), [
    '    epoch 1/5, step 0/1,175',
    '    not validated yet',
    '    last durable checkpoint: none yet',
  ]);
});

test('the last problem, a retry and a server that is away have a line each', () => {
  const progress = progressAt('ingest', undefined, {
    lastProblem: { at: ten - 5_000, message: "the trainer's process ended by SIGKILL" },
  });
  const activities = [{ type: 'ingestDataset', attempt: 3, lastFailure: 'no route to host' }];
  const snapshot = { at: ten, decisionAttempt: 1, progress, activities, awaySince: ten - 12_000 };
  assert.deepEqual(lines(snapshot).slice(7), [
    "! 09:59:55 the trainer's process ended by SIGKILL",
    '! ingestDataset failed and is tried again (attempt 3): no route to host',
    '! waiting for Temporal, for 12 s',
  ]);
});

test('a workflow whose own code fails is told apart from a run that is only slow', () => {
  const progress = progressAt('split');
  const attempt = (decisionAttempt: number) =>
    lines({ at: ten, activities: [], decisionAttempt, progress }).slice(7);
  assert.deepEqual(attempt(2), []);
  assert.deepEqual(attempt(4), [
    "! the workflow's own code fails again and again: its history in the Temporal UI says why",
  ]);
});

test('a failed stage shows its note', () => {
  const progress = progressAt('split', {
    status: 'failed',
    endedAt: ten + 2_000,
    note: 'shard 00012: expected 5000 samples, got 4998',
  });
  assert.equal(
    lines({ at: ten + 9_000, ...quiet, progress })[2],
    '✗ split         2.0 s  shard 00012: expected 5000 samples, got 4998',
  );
});

test('a stage that was cancelled has not failed', () => {
  const progress = progressAt('train', { status: 'cancelled', endedAt: ten + 41_000 });
  assert.equal(lines({ at: ten + 60_000, ...quiet, progress })[4], '■ train          41 s');
});

test('colours are put in only when they are asked for', () => {
  const snapshot = { at: ten, ...quiet, progress: progressAt('split') };
  assert.ok(runLines(snapshot, picocolors.createColors(true)).join().includes('\u001B[32m✓'));
  assert.ok(!lines(snapshot).join().includes('\u001B'));
});
