/** What a milestone lets go of, and who may say so. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { keepMilestone } from '../../activities/keep-milestone.ts';
import { planTraining } from '../../contract/plan.ts';
import type { RunRecord } from '../../contract/stages.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { checkpointAt, checkpointsDownFrom, commitCheckpoint } from '../../model/checkpoint.ts';
import { writeRunRecord } from '../../model/run-record.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const inputs = trainingInputs({ training: { batchSize: 100, epochs: 4 } });
const timeline = [{ fromStep: 0, numerics }];
const plan = planTraining(inputs.samples, inputs.config.training);

let folder: string;
let store: ObjectStore;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-milestone-'));
  for (const name of [...bundleFiles, lossesFile, ledgerFile]) {
    await writeFile(join(folder, name), name);
  }
});
after(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  store = openMemoryStore();
  const context = { inputs, timeline, validations: [], plan };
  for (const step of [10, 20, 30]) {
    const checkpoint = checkpointAt(inputs, timeline, step);
    await commitCheckpoint(store, context, { checkpoint, parent: null, directory: folder });
  }
});

const record = (execution: RunRecord['execution']): RunRecord => ({
  ...{ run: inputs.run, workflowId: 'nightly', execution, preset: 'quickstart' },
  ...{ inputs, timeline, validations: [], step: 30 },
});

const keepNewest = (execution: RunRecord['execution'], { signal } = new AbortController()) =>
  keepMilestone(
    { store },
    { record: record(execution), keep: { newest: 1, steps: [] } },
    { signal },
  );

async function wholeSteps(): Promise<number[]> {
  const steps: number[] = [];
  const found = checkpointsDownFrom(store, inputs, timeline, 30, () => undefined);
  for await (const { step } of found) steps.push(step);
  return steps;
}

test('an execution that was reset, or a milestone that is past, lets go of nothing any more', async () => {
  await writeRunRecord(store, record({ id: 'later', at: 2, revision: 5 }));
  await keepNewest({ id: 'earlier', at: 1, revision: 9 });
  await keepNewest({ id: 'later', at: 2, revision: 4 });
  assert.deepEqual(await wholeSteps(), [30, 20, 10]);
});

test('an attempt lets go of what the one before it did not come to', async () => {
  const execution = { id: 'a', at: 1, revision: 0 };
  await writeRunRecord(store, record(execution));
  await keepNewest(execution);
  assert.deepEqual(await wholeSteps(), [30]);
});

test('an attempt that was stopped lets go of nothing any more', async () => {
  const stopped = new AbortController();
  stopped.abort(new Error('worker shuts down'));
  await assert.rejects(keepNewest({ id: 'a', at: 1, revision: 0 }, stopped), /worker shuts down/);
  assert.deepEqual(await wholeSteps(), [30, 20, 10]);
});
