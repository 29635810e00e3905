/** Nights on real servers: a first champion, a night without anything new, and one that trains on from the champion. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cpuQueue } from '../../contract/queues.ts';
import type { NoChange, RunResult } from '../../contract/progress.ts';
import { readChampion } from '../../model/champions.ts';
import { readVersion } from '../../model/model-versions.ts';
import { progressQuery } from '../../workflows/messages.ts';
import { cifarArchive } from '../support/cifar-archive.ts';
import { startStack } from '../support/stack.ts';
import type { TestStack } from '../support/stack.ts';

let stack: TestStack;
let archive: string;
before(async () => {
  archive = await cifarArchive();
  stack = await startStack();
});
after(() => stack.stop());

/** Every night has the same input; `limit` stands for how many images there are. */
const night = (workflowId: string, limit: number) =>
  stack.client.workflow.start('trainingPipeline', {
    workflowId,
    taskQueue: cpuQueue,
    args: [
      {
        dataset: { source: archive, limit },
        training: { epochs: 1, batchSize: 32, validateEverySteps: 6 },
        promotion: { model: 'pets', margin: 1, level: 0, warmStart: 'champion' },
      },
    ],
  });

let first: RunResult;

test('the first night has no champion to beat, and becomes it', async () => {
  first = (await (await night('night-1', 200)).result()) as RunResult;
  assert.equal(first.promotion?.status, 'promoted');
  assert.equal(first.promotion?.champion, null);
  const champion = (await readChampion(stack.store, 'pets'))!;
  assert.equal(champion.digest, first.modelDigest);
  const version = await readVersion(stack.store, champion, { deep: true });
  assert.equal(version.metrics.accuracy, first.testAccuracy);
});

test('a night with nothing new is over in seconds', async () => {
  const startedAt = Date.now();
  const result = (await (await night('night-2', 200)).result()) as NoChange;
  assert.equal(result.noChange.workflowId, 'night-1');
  assert.ok(Date.now() - startedAt < 10_000);
});

test('a night with more images begins with the champion, and is held against it on its own test images', async () => {
  const handle = await night('night-3', 240);
  const result = (await handle.result()) as RunResult;
  const { stages } = await handle.query(progressQuery);
  assert.match(
    stages.find(({ name }) => name === 'ingest')!.note!,
    /^272 variables loaded from s3:.*models\/pets\/versions\/[0-9a-f]{64}\/manifest\.json$/,
  );
  const { promotion } = result;
  assert.equal(promotion?.status, 'promoted');
  assert.deepEqual(promotion?.champion, { generation: 1, workflowId: 'night-1' });
  assert.deepEqual(
    promotion?.gate.rules.map(({ rule }) => rule),
    ['accuracy', 'class floor', 'margin', 'McNemar'],
  );
  assert.equal(promotion?.gate.samples, result.testSamples);
  const { bytes } = await stack.store.get(result.reportKey);
  assert.match(Buffer.from(bytes).toString(), /<h2 id="promotion">Promotion<\/h2>/);
});
