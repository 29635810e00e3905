/** The whole pipeline on real servers: undisturbed, and with its processes killed on the way. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { cpuQueue } from '../../contract/queues.ts';
import type { RunProgress, RunResult } from '../../contract/progress.ts';
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
  await Promise.all([stack.startWorker('cpu'), stack.startWorker('gpu')]);
});
after(() => stack.stop());

const start = (workflowId: string): Promise<WorkflowHandle> =>
  stack.client.workflow.start('trainingPipeline', {
    workflowId,
    taskQueue: cpuQueue,
    args: [input],
  });

/** Resolves once the run has reached this step of training. */
async function reached(handle: WorkflowHandle, step: number): Promise<RunProgress> {
  for (;;) {
    const progress = await handle.query(progressQuery);
    if ((progress.training?.step ?? -1) >= step) return progress;
    await sleep(50);
  }
}

let undisturbed: RunResult;

test('a run goes from an archive to predictions of the whole test set and a report', async () => {
  const handle = await start('undisturbed');
  undisturbed = (await handle.result()) as RunResult;
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
  const report = await stack.store.get(undisturbed.reportKey);
  assert.match(Buffer.from(report.bytes).toString(), /^<!doctype html>/);
});

test('a run whose trainer is killed in the middle ends with the same weights', async () => {
  const handle = await start('trainer-killed');
  await reached(handle, 4);
  assert.ok(stack.killTrainer(), 'there was a trainer to kill');
  const result = (await handle.result()) as RunResult;
  assert.ok(result.resumes >= 1);
  assert.equal(result.finalDigest, undisturbed.finalDigest);
  assert.equal(result.modelDigest, undisturbed.modelDigest);
  assert.equal(result.testLoss, undisturbed.testLoss);
});

test('a run whose gpu worker is stopped hands back, and ends with the same weights on another', async () => {
  const handle = await start('worker-stopped');
  await reached(handle, 4);
  await stack.stopWorker('gpu');
  await stack.startWorker('gpu');
  const result = (await handle.result()) as RunResult;
  assert.ok(result.resumes >= 1);
  assert.equal(result.finalDigest, undisturbed.finalDigest);
});

test('a run whose workers are all killed ends with the same weights on new ones', async () => {
  const handle = await start('workers-killed');
  await reached(handle, 8);
  await Promise.all([stack.killWorker('gpu'), stack.killWorker('cpu')]);
  await Promise.all([stack.startWorker('cpu'), stack.startWorker('gpu')]);
  const result = (await handle.result()) as RunResult;
  assert.ok(result.resumes >= 1);
  assert.equal(result.finalDigest, undisturbed.finalDigest);
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
