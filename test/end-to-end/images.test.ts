/** The whole pipeline on photographs in class folders. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { cpuQueue } from '../../contract/queues.ts';
import type { RunResult } from '../../contract/progress.ts';
import { tarOf } from '../data/archives.ts';
import { madePhotos, realPhotos } from '../support/images.ts';
import { startStack } from '../support/stack.ts';
import type { TestStack } from '../support/stack.ts';

let stack: TestStack;
let folder: string;

before(async () => {
  stack = await startStack();
  folder = await mkdtemp(join(tmpdir(), 'nightshift-photos-'));
});
after(async () => {
  await stack.stop();
  await rm(folder, { recursive: true });
});

async function madeArchive(): Promise<string> {
  const photos = await madePhotos(['cat', 'dog', 'owl'], 40);
  const path = join(folder, 'pets.tar.gz');
  const entries = [...photos].map(([name, bytes]) => ({ name, bytes }));
  await writeFile(path, gzipSync(await tarOf(...entries)));
  return path;
}

test('a run goes from an archive of class folders to predictions of its test set', async () => {
  const handle = await stack.client.workflow.start('trainingPipeline', {
    workflowId: 'photographs',
    taskQueue: cpuQueue,
    args: [
      {
        dataset: { source: realPhotos ?? (await madeArchive()) },
        model: { imageSize: 64 },
        training: { epochs: 1, batchSize: 32, validateEverySteps: 4 },
      },
    ],
  });
  const result = (await handle.result()) as RunResult;
  const ids: string[] = [];
  for (const key of result.predictionsKeys) {
    const { bytes } = await stack.store.get(key);
    const lines = Buffer.from(bytes).toString().trim().split('\n');
    ids.push(...lines.map((line) => (JSON.parse(line) as { id: string }).id));
  }
  assert.equal(ids.length, result.testSamples);
  assert.ok(
    ids.every((id) => /^[^/]+\/[^/]+\/[^/]+\.jpg$/.test(id)),
    ids[0],
  );
});
