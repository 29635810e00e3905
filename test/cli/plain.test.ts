import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPlainView } from '../../cli/view/plain.ts';
import { progressAt, ten, trainingAtStep400 } from './support.ts';

process.env['TZ'] = 'UTC';

const quiet = { activities: [], decisionAttempt: 1 };
const trainingBegan = { ...trainingAtStep400, step: 0, validations: [], durableStep: 0 };

test('each change of stage is one line', () => {
  const view = openPlainView();
  assert.deepEqual(view({ at: ten, ...quiet, progress: progressAt('split') }), [
    '10:00:00 configure: done in 0.4 s',
    '10:00:00 ingest: done in 0.4 s',
    '10:00:00 split: started',
  ]);
  assert.deepEqual(view({ at: ten + 1_000, ...quiet, progress: progressAt('split') }), []);
  assert.deepEqual(view({ at: ten + 2_000, ...quiet, progress: progressAt('shards') }), [
    '10:00:02 split: done in 0.4 s',
    '10:00:02 shards: started',
  ]);
});

test('a stage that failed does not say why: that is said once, of the run', () => {
  const view = openPlainView();
  const failed = {
    name: 'configure',
    status: 'failed',
    startedAt: ten,
    endedAt: ten + 400,
  } as const;
  const progress = {
    ...progressAt('configure'),
    stages: [{ ...failed, note: 'seed: 1.5: wrong' }],
  };
  assert.deepEqual(view({ at: ten, ...quiet, progress }), [
    '10:00:00 configure: failed after 0.4 s',
  ]);
});

test('a stage that was cancelled is said to be that', () => {
  const progress = progressAt('train', { status: 'cancelled', endedAt: ten + 41_000 });
  const lines = openPlainView()({ at: ten + 41_000, ...quiet, progress });
  assert.equal(lines.at(-1), '10:00:41 train: cancelled after 41 s');
});

test('a validation is one line, and comes before the end of training', () => {
  const view = openPlainView();
  view({ at: ten, ...quiet, progress: progressAt('train', {}, { training: trainingBegan }) });
  const progress = progressAt('predict', {}, { training: trainingAtStep400 });
  assert.deepEqual(view({ at: ten + 1_000, ...quiet, progress }), [
    '10:00:01 validation at step 200: accuracy 33.1 %, top-5 84.0 %, loss 1.800',
    '10:00:01 validation at step 400: accuracy 41.2 %, top-5 89.0 %, loss 1.600, the best so far',
    '10:00:01 train: done in 0.4 s',
    '10:00:01 predict: started',
  ]);
});

test('a run that went back shows the validations of its second time too', () => {
  const view = openPlainView();
  const [first, second] = trainingAtStep400.validations;
  const at = (validations: typeof trainingAtStep400.validations) =>
    view({
      at: ten,
      ...quiet,
      progress: progressAt('train', {}, { training: { ...trainingBegan, validations } }),
    }).filter((line) => line.includes('validation'));
  assert.equal(at([first!, second!]).length, 2);
  assert.equal(at([first!]).length, 0);
  assert.equal(at([first!, second!]).length, 1);
});

test('where training runs is said once', () => {
  const view = openPlainView();
  const progress = progressAt('train', {}, { training: trainingBegan });
  assert.deepEqual(view({ at: ten, ...quiet, progress }).slice(-2), [
    '10:00:00 train: started',
    '10:00:00 train: on cpu (avx512, 2 threads), float32',
  ]);
  assert.deepEqual(view({ at: ten + 1, ...quiet, progress }), []);
});

test('training speaks at most every ten seconds', () => {
  const view = openPlainView();
  const progress = progressAt('train', {}, { training: trainingAtStep400 });
  const said = Array.from({ length: 31 }, (_, second) => ({
    at: ten + second * 1_000,
    decisionAttempt: 1,
    progress,
    activities: [
      {
        type: 'trainSteps',
        attempt: 1,
        heartbeat: {
          step: 400 + second,
          loss: 1.25,
          learningRate: 0.001,
          imagesPerSecond: 64,
          durableStep: 400,
          durableAt: ten,
          phase: 'training',
        },
      },
    ],
  })).flatMap(view);
  assert.deepEqual(
    said.filter((line) => line.includes('train: epoch')),
    [10, 20, 30].map(
      (second) =>
        `10:00:${second} train: epoch 2/5, step ${400 + second}/1,175, 64 images/s, loss 1.250, learning rate 0.001, ETA 12 m ${55 - second} s, last durable checkpoint: step 400 at 10:00:00`,
    ),
  );
});

test('problems, retries and absences of the server are said once each', () => {
  const view = openPlainView();
  const lastProblem = { at: ten - 1_000, message: 'the trainer ended' };
  const progress = progressAt('split', {}, { lastProblem });
  view({ at: ten, ...quiet, progress: progressAt('split') });
  const activities = [{ type: 'splitDataset', attempt: 2, lastFailure: 'no space' }];
  const broken = { at: ten, decisionAttempt: 1, progress, activities, awaySince: ten };
  assert.deepEqual(view(broken), [
    '10:00:00 problem: the trainer ended',
    '10:00:00 splitDataset failed and is tried again (attempt 2): no space',
    '10:00:00 waiting for Temporal',
  ]);
  assert.deepEqual(view({ ...broken, at: ten + 60_000 }), []);
  assert.deepEqual(view({ at: ten + 61_000, ...quiet, progress }), ['10:01:01 Temporal is back']);
});

test('a held run says once what broke', () => {
  const view = openPlainView();
  const held = { stage: 'split', at: ten, message: 'no such folder' } as const;
  const snapshot = { at: ten, ...quiet, progress: progressAt('split', {}, { held }) };
  assert.deepEqual(view(snapshot).slice(-2), [
    '10:00:00 held since 10:00:00: the stage split has failed: no such folder',
    '10:00:00 mend what is wrong, then `npx nightshift retry` tries it again; or cancel the run',
  ]);
  assert.deepEqual(view({ ...snapshot, at: ten + 60_000 }), []);
});

test('a run that goes on from another one says so first, and a pause when it comes and goes', () => {
  const view = openPlainView();
  const resumed = { run: 'nightly', step: 400, changes: ['training.epochs: 5 -> 10'] };
  const snapshot = (paused: boolean) => ({
    at: ten,
    ...quiet,
    progress: progressAt('train', {}, { resumed, paused }),
  });
  assert.match(
    view(snapshot(false))[0]!,
    /goes on with run nightly, from step 400; training\.epochs: 5 -> 10$/,
  );
  assert.match(view(snapshot(true)).join('\n'), /paused: .+`npx nightshift resume` goes on$/);
  assert.deepEqual(view({ ...snapshot(true), at: ten + 60_000 }), [], 'nothing moves');
  assert.match(view(snapshot(false)).join('\n'), /goes on$/);
});

test('a paused run that was cancelled does not go on', () => {
  const view = openPlainView();
  view({ at: ten, ...quiet, progress: progressAt('train', {}, { paused: true }) });
  const cancelled = { status: 'cancelled', endedAt: ten + 41_000 } as const;
  const progress = progressAt('train', cancelled, { paused: false });
  assert.deepEqual(view({ at: ten + 41_000, ...quiet, progress }), [
    '10:00:41 train: cancelled after 41 s',
  ]);
});

test('a store that takes no checkpoint any more is said once', () => {
  const view = openPlainView();
  const alarm = 'no checkpoint has become durable for 500 s';
  const heartbeat = { step: 1, imagesPerSecond: 0, durableStep: 0, alarm };
  const late = {
    ...quiet,
    at: ten,
    progress: progressAt('train', {}, { training: trainingAtStep400 }),
    activities: [{ type: 'trainSteps', attempt: 1, heartbeat }],
  };
  assert.match(view(late).join('\n'), /no checkpoint has become durable/);
  assert.doesNotMatch(view(late).join('\n'), /no checkpoint/);
});
