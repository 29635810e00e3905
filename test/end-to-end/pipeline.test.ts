/** The whole pipeline on real servers, undisturbed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cpuQueue } from '../../contract/queues.ts';
import type { PreparedDataset, RunResult } from '../../contract/progress.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { progressQuery } from '../../workflows/messages.ts';
import { cifarArchive } from '../support/cifar-archive.ts';
import { startStack } from '../support/stack.ts';
import type { TestStack } from '../support/stack.ts';

let stack: TestStack;
let input: object;

before(async () => {
  stack = await startStack();
  input = {
    dataset: { source: await cifarArchive(), limit: 300 },
    training: { epochs: 2, batchSize: 32, validateEverySteps: 4, checkpointEverySteps: 4 },
  };
});
after(() => stack.stop());

test('a run goes from an archive to predictions of the whole test set and a report', async () => {
  const handle = await stack.client.workflow.start('trainingPipeline', {
    workflowId: 'undisturbed',
    taskQueue: cpuQueue,
    args: [input],
  });
  const undisturbed = (await handle.result()) as RunResult;
  assert.equal(undisturbed.resumes, 0);
  assert.deepEqual(undisturbed.notBitEqual, []);
  const progress = await handle.query(progressQuery);
  assert.ok(progress.stages.every(({ status }) => status === 'done'));

  const rows: { id: string; probabilities: number[] }[] = [];
  for (const key of undisturbed.predictionsKeys) {
    const { bytes } = await stack.store.get(key);
    for (const line of Buffer.from(bytes).toString().trim().split('\n')) {
      rows.push(JSON.parse(line) as (typeof rows)[number]);
    }
  }
  assert.equal(rows.length, undisturbed.testSamples);
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
  for (const { probabilities } of rows) {
    assert.equal(probabilities.length, 10);
    assert.ok(Math.abs(probabilities.reduce((sum, one) => sum + one, 0) - 1) < 1e-3);
  }
  for (const end of ['index', 'data-00000-of-00001']) {
    const { bytes } = await stack.store.get(`${undisturbed.modelPrefix}.${end}`);
    assert.ok(bytes.byteLength > 0, end);
  }
  const report = await stack.store.get(undisturbed.reportKey);
  assert.match(Buffer.from(report.bytes).toString(), /^<!doctype html>/);
});

test('a dataset that is prepared alone is the one that a run with its settings trains on', async () => {
  const prepared = (await stack.client.workflow.execute('prepareDataset', {
    workflowId: 'prepared',
    taskQueue: cpuQueue,
    args: [input],
  })) as PreparedDataset;
  const { train, validation, test } = prepared.samples;
  assert.equal(train + validation + test, 300);
  assert.equal(prepared.classes, 10);
  assert.ok(prepared.shards.train >= 1 && prepared.shards.test >= 1);
  const run = await stack.client.workflow.getHandle('undisturbed').describe();
  assert.equal(run.typedSearchAttributes.get(searchAttributes.dataset), prepared.dataset);
});

test("a run begins with an earlier one's model, head and all, and its report says so", async () => {
  const handle = await stack.client.workflow.start('trainingPipeline', {
    workflowId: 'warm-started',
    taskQueue: cpuQueue,
    args: [{ ...input, model: { weights: 'run:undisturbed', trainable: 'head' } }],
  });
  const result = (await handle.result()) as RunResult;
  const { stages } = await handle.query(progressQuery);
  const { note } = stages.find(({ name }) => name === 'ingest')!;
  assert.match(
    note!,
    /^272 variables loaded from s3:.*manifest\.json$/,
    'nothing is left out or new',
  );
  const report = await stack.store.get(result.reportKey);
  assert.match(Buffer.from(report.bytes).toString(), /It began with pretrained weights: 272/);
});

test('a wrong configuration fails at once, with the key, the value and the rule', async () => {
  const startedAt = Date.now();
  const run = stack.client.workflow.execute('trainingPipeline', {
    workflowId: 'wrong',
    taskQueue: cpuQueue,
    args: [{ training: { epochs: 0 } }],
  });
  await assert.rejects(run, (error: Error) => {
    const activity = error.cause as Error;
    assert.match((activity.cause as Error).message, /training\.epochs: 0: Too small/);
    return true;
  });
  assert.ok(Date.now() - startedAt < 10_000);
});
