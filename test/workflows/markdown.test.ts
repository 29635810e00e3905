import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressMarkdown } from '../../workflows/markdown.ts';
import { progressAt, result, trainingAtStep400 } from '../cli/support.ts';

const pets = { workflowId: 'pets-1', workflowType: 'trainingPipeline' };
const at = Date.UTC(2026, 10, 25, 23, 50);
const training = {
  ...trainingAtStep400,
  ...{ at, learningRate: 0.000_866_0254, losses: [2.3, 1.9, 1.5] },
};

test('training has a line each of place, loss, accuracy, end and checkpoint, in absolute times', () => {
  const text = progressMarkdown(progressAt('train', {}, { training }), pets);
  assert.match(text, /^Epoch 2 of 5, step 400 of 1175, at 23:50:00 UTC, on cpu \(avx512/m);
  assert.match(text, /^Loss `█▅▁` 1\.500, learning rate 0\.000866, 320 images\/s$/m);
  assert.match(text, /^Validation accuracy `▁█` 41\.2 % at step 400, best 41\.2 % at step 400$/m);
  // 775 steps of 64 images at 320 a second: 155 s.
  assert.match(text, /^Training ends about 2026-11-25 23:52 UTC\.$/m);
  assert.match(text, /^Newest durable checkpoint: step 400, since 10:00:00 UTC\.$/m);
});

test('a paused run has no end to tell of', () => {
  const text = progressMarkdown(progressAt('train', {}, { training, paused: true }), pets);
  assert.doesNotMatch(text, /images\/s|Training ends/);
  assert.match(text, /\*\*Paused\*\*: the update `resume` goes on/);
});

test('what training has cost is said where the machine has a price', () => {
  const priced = { training: { ...training, trainerSeconds: 5_400 }, pricePerHour: 3 };
  const text = progressMarkdown(progressAt('train', {}, priced), pets);
  assert.match(text, /^Cost so far: 4\.50, for 1\.50 h of a trainer at 3 an hour\.$/m);
  assert.doesNotMatch(progressMarkdown(progressAt('train', {}, { training }), pets), /Cost/);
});

test('while a run goes on it says what to do should it be ended, and that else nothing need be', () => {
  const text = progressMarkdown(progressAt('train', {}, { training }), pets);
  assert.match(text, /A worker or a server that dies needs no one: the run goes on by itself/);
  assert.match(text, /start a `trainingPipeline` with the input `\{ "resumeFrom": "pets-1" \}`/);
});

test('a run that failed says in which stage, why, and what to press', () => {
  const failed = { status: 'failed', note: 'the loss is NaN' } as const;
  const text = progressMarkdown(progressAt('train', failed, { training }), pets);
  assert.match(text, /\*\*Failed\*\* in `train`: the loss is NaN/);
  assert.match(text, /Once the cause is gone, start a .*\{ "resumeFrom": "pets-1" \}/);
});

test('a held training says what can be told it: no end before it has begun, and nothing after a stop', () => {
  const held = { stage: 'train', at, message: 'the loss is NaN' } as const;
  const textOf = (about: object) =>
    progressMarkdown(progressAt('train', {}, { held, ...about }), pets);
  assert.match(
    textOf({ training }),
    /another rate; `stopAndFinish` finishes by what was trained\./,
  );
  assert.match(textOf({}), /`setLearningRate` sets another rate\. _Cancel_ ends the run/);
  const stopped = { ...training, stopped: 'early stop' };
  assert.match(textOf({ training: stopped }), /what is done stays done\. _Cancel_ ends the run/);
});

test('one whose input was wrong is not to be gone on with, but corrected', () => {
  const failed = { status: 'failed', note: 'the configuration is not valid' } as const;
  const text = progressMarkdown(progressAt('configure', failed), pets);
  assert.doesNotMatch(text, /resumeFrom/);
  assert.match(text, /_Start Workflow Like This One_/);
});

test('a dataset that could not be prepared is started again', () => {
  const failed = { status: 'failed', note: 'no such file' } as const;
  const execution = { ...pets, workflowType: 'prepareDataset' };
  const text = progressMarkdown(progressAt('ingest', failed), execution);
  assert.doesNotMatch(text, /resumeFrom/);
  assert.match(text, /start it again with the same input/);
});

test('a run that is done says its accuracy and how to find its report', () => {
  const text = progressMarkdown(
    progressAt('report', { status: 'done' }, { training, result }),
    pets,
  );
  assert.match(text, /\*\*Test accuracy 52\.3 %\*\*/);
  assert.match(text, /`npx nightshift status pets-1` shows where it lies/);
  assert.doesNotMatch(text, /resumeFrom/);
});
