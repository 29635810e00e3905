import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runRecordSchema } from '../../contract/manifests.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const validation = { step: 10, epoch: 1, loss: 2.1, accuracy: 0.25, top5: 0.75, checkpoint: null };

const record = {
  version: 1,
  run: 'run-1',
  workflowId: 'nightly',
  execution: { id: 'run-1', at: 0, revision: 3 },
  preset: 'quickstart',
  inputs: trainingInputs(),
  timeline: [
    { fromStep: 0, numerics },
    { fromStep: 10, learningRate: 0.01, learningRateFactor: 0.5 },
  ],
  validations: [validation],
  step: 20,
};

test("a run's record is read back as it was written", () => {
  assert.deepEqual(runRecordSchema.parse(record), record);
});

test('the configuration of another version is read as it was resolved: nothing is filled in or refused', () => {
  const config = { seed: 7, training: { epochs: 2, knobOfOld: true } };
  const parsed = runRecordSchema.parse({ ...record, inputs: { ...record.inputs, config } });
  assert.deepEqual(parsed.inputs.config, config);
});

test('a loss that is no finite number, for which JSON has null, is read as one that is none', () => {
  const parsed = runRecordSchema.parse({ ...record, validations: [{ ...validation, loss: null }] });
  assert.ok(Number.isNaN(parsed.validations[0]!.loss));
});

test('a decision that this version does not know is refused with its place', () => {
  const timeline = [...record.timeline, { fromStep: 20, batchSize: 32 }];
  const { error } = runRecordSchema.safeParse({ ...record, timeline });
  assert.deepEqual(
    error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`),
    ['timeline.2: Unrecognized key: "batchSize"'],
  );
});
