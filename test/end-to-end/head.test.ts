/** A new head on pretrained weights, on real servers: its features are computed once, whatever is killed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { cpuQueue } from '../../contract/queues.ts';
import type { RunResult } from '../../contract/progress.ts';
import { signal } from '../../infra/local/process-identity.mjs';
import { purposes, randomStream } from '../../data/random.ts';
import { architectures } from '../../model/resnet50.ts';
import { cifarArchive } from '../support/cifar-archive.ts';
import { writeKerasFile } from '../support/keras-file.ts';
import { startStack } from '../support/stack.ts';
import type { TestStack } from '../support/stack.ts';

let folder: string;
let stack: TestStack;
let input: object;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-head-'));
  const weights = join(folder, 'weights.h5');
  await writeKerasFile(weights, architectures.resnet50v2, undefined, initialValue);
  stack = await startStack();
  input = {
    dataset: { source: await cifarArchive(), limit: 300, shardBytes: 64 * 3072 },
    augment: { views: 1 },
    model: { weights, trainable: 'head' },
    training: { epochs: 3, batchSize: 32, validateEverySteps: 9, checkpointEverySteps: 4 },
  };
});
after(async () => {
  await stack.stop();
  await rm(folder, { recursive: true });
});

const random = randomStream(0, purposes.augmentation, [0, 0, 0]);
/** As a network begins: convolutions that keep a signal's size, BatchNorm that changes nothing. */
function initialValue(name: string, shape: readonly number[]): number {
  if (/gamma|variance/.test(name)) return 1;
  if (!name.endsWith('kernel')) return 0;
  const limit = Math.sqrt(3 / shape.slice(0, -1).reduce((product, size) => product * size, 1));
  return random.between(-limit, limit);
}

const start = (workflowId: string): Promise<WorkflowHandle> =>
  stack.client.workflow.start('trainingPipeline', {
    workflowId,
    taskQueue: cpuQueue,
    args: [input],
  });

/** Where the features lie that are in the store. */
async function featureKeys(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of stack.store.list('stages/')) {
    if (/\/features-\d+\.tfrecord$/.test(key)) keys.push(key);
  }
  return keys;
}

let undisturbed: RunResult;

test('epochs of one view share its features, and validations theirs', async () => {
  undisturbed = (await (await start('undisturbed')).result()) as RunResult;
  const keys = await featureKeys();
  const stages = new Set(keys.map((key) => key.split('/')[1]));
  assert.equal(stages.size, 2);
  // About 180 images and 60, of which 64 are a shard.
  assert.ok(keys.length >= 4 && keys.length <= 6, `${keys.length} parts`);
});

test('features that are computed again, by a worker that follows a killed one, give the same weights', async () => {
  await stack.store.delete(await featureKeys());
  const handle = await start('killed');
  while ((await featureKeys()).length === 0) await sleep(20);
  // Another one is started in its place.
  signal(stack.process('gpu-1')!, 'SIGKILL');
  const result = (await handle.result()) as RunResult;
  assert.equal(result.finalDigest, undisturbed.finalDigest);
  assert.equal(result.modelDigest, undisturbed.modelDigest);
  assert.equal(result.validationAccuracy, undisturbed.validationAccuracy);
  assert.equal(result.testLoss, undisturbed.testLoss);
});
