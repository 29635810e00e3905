import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeLines } from '../../cli/view/outcome.ts';
import { noColors, result } from './support.ts';

const place = {
  run: 'quickstart-1',
  cwd: '/home/ada/nightshift',
  objects: '/home/ada/nightshift/.nightshift/s3/data/nightshift',
  page: 'http://127.0.0.1:8233/namespaces/default/workflows/quickstart-1',
};

test('a completed run shows accuracy, the test image, the files and the page', () => {
  assert.deepEqual(outcomeLines({ status: 'completed', result }, place, noColors), [
    'Test accuracy 52.3 % on 5,000 images (top-5 93.1 %, loss 1.355).',
    'Best model: after step 1,000 of 1,175, validation accuracy 51.9 %.',
    'A random test image, c0ffee: predicted cat (61.2 %), but it is dog.',
    'Report       .nightshift/s3/data/nightshift/stages/a/report.html',
    'Predictions  .nightshift/s3/data/nightshift/stages/b/00000.jsonl and 1 more',
    'Model        .nightshift/s3/data/nightshift/runs/r/c/000001000/d/variables.*',
    'Temporal UI  http://127.0.0.1:8233/namespaces/default/workflows/quickstart-1',
  ]);
});

test('a right prediction is said to be right, and a store elsewhere gives its keys', () => {
  const example = { ...result.example, predicted: 'dog' };
  const notBitEqual = ['from step 400: on cpu (avx2, 2 threads), float32'];
  const changed = { ...result, example, notBitEqual, resumes: 1, predictionsKeys: ['p/0.jsonl'] };
  assert.deepEqual(
    outcomeLines(
      { status: 'completed', result: changed },
      { run: 'quickstart-1', cwd: '/home/ada' },
      noColors,
    ).slice(1),
    [
      'Best model: after step 1,000 of 1,175, validation accuracy 51.9 %; resumed once.',
      'Not bit-equal to an undisturbed run from step 400: on cpu (avx2, 2 threads), float32.',
      'A random test image, c0ffee: predicted dog (61.2 %), which it is.',
      'Report       stages/a/report.html',
      'Predictions  p/0.jsonl',
      'Model        runs/r/c/000001000/d/variables.*',
    ],
  );
});

test('a run that ended before its last step says why, and one that is not good enough says so', () => {
  const changed = {
    ...result,
    ...({ steps: 800, stopped: 'target', missedMinAccuracy: 0.6 } as const),
  };
  assert.deepEqual(
    outcomeLines({ status: 'completed', result: changed }, place, noColors).slice(2, 4),
    [
      'The best validation accuracy, 51.9 %, is below training.minAccuracy, 60.0 %: the model is not to be promoted.',
      'Training ended after step 800, before the last one planned: the target accuracy was reached.',
    ],
  );
});

test('a wrong configuration shows each problem and what to do', () => {
  const outcome = {
    status: 'failed',
    type: 'InvalidConfig',
    message: 'the configuration is not valid:\n- training.epochs: 0: Too small',
  } as const;
  assert.deepEqual(outcomeLines(outcome, { run: 'quickstart-1', cwd: '/' }, noColors), [
    'The run failed: InvalidConfig: the configuration is not valid:\n- training.epochs: 0: Too small',
    'Correct these keys and start again; contract/config.ts says what every key means.',
  ]);
});

test('of a run that can not be gone on with no keys are to be corrected', () => {
  const problems = ['resumeFrom: no run "lost" is in bucket b: give another'];
  const outcome = { status: 'failed', type: 'InvalidConfig', message: 'no', problems } as const;
  assert.deepEqual(outcomeLines(outcome, { run: 'quickstart-1', cwd: '/' }, noColors), [
    'The run failed: InvalidConfig: no',
  ]);
});

test('a failure of no known type says how to go on', () => {
  const outcome = { status: 'failed', type: 'TimeoutFailure', message: 'timed out' } as const;
  assert.deepEqual(outcomeLines(outcome, { run: 'quickstart-1', cwd: '/' }, noColors), [
    'The run failed: TimeoutFailure: timed out',
    'Once the cause is gone: `npx nightshift resume quickstart-1` goes on from its last checkpoint, or begins anew where there is none.',
  ]);
});

test('the page that a failed run has left is named', () => {
  const outcome = { status: 'failed', type: 'Unexpected', message: 'no' } as const;
  const failed = { ...place, failureReportKey: 'runs/r/failures/e.html' };
  assert.equal(
    outcomeLines(outcome, failed, noColors)[2],
    'Report       .nightshift/s3/data/nightshift/runs/r/failures/e.html',
  );
});

test('from elsewhere, the files are named by their whole path', () => {
  const lines = outcomeLines(
    { status: 'completed', result },
    { ...place, cwd: '/home/ada/other' },
    noColors,
  );
  assert.equal(
    lines[3],
    'Report       /home/ada/nightshift/.nightshift/s3/data/nightshift/stages/a/report.html',
  );
});
