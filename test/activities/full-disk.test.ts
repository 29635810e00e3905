/** A worker whose local disk is full: nothing is lost, and it goes on once there is room. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import { failureTypeOf } from '../../contract/failures.ts';
import type { StoredFile } from '../../contract/manifests.ts';
import { conventionsOf } from '../../contract/stages.ts';
import { encodeShard } from '../../data/tfrecord.ts';
import { startTrainer } from '../../model/trainer-client.ts';
import { openCache } from '../../storage/cache.ts';
import { writeData } from '../../storage/commit.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { madeSamples } from '../data/support.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';
import { openSmallDisk } from '../support/small-disk.ts';
import { openSegments } from '../support/segments.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const disk = await openSmallDisk();
const skip = typeof disk === 'string' && disk;
const small = disk as Exclude<typeof disk, string>;

let s3: TestS3;
let store: ObjectStore;
before(async () => {
  s3 = await startTestS3();
  store = await s3.openStore();
});
after(async () => {
  await s3.stop();
  if (!skip) await small.remove();
});

const isOfFullDisk = (error: unknown): boolean => {
  assert.equal(failureTypeOf(error as Error), 'Unavailable');
  assert.match((error as Error).message, /ENOSPC/);
  return true;
};

test(
  'a shard that does not fit is Unavailable, and leaves no part of it behind',
  { skip },
  async () => {
    const cache = await openCache({ directory: join(small.path, 'cache'), maxBytes: 1e6 });
    const bytes = randomBytes(100_000);
    const [file] = (await writeData(store, 'stage/', [{ name: 'shard', bytes }])) as [StoredFile];
    await small.fill();
    await assert.rejects(cache.fetch(file, store), isOfFullDisk);
    await small.free();
    const found = await readdir(small.path, { recursive: true });
    assert.deepEqual(
      found.filter((name) => name.includes('part')),
      [],
    );
    const held = await cache.fetch(file, store);
    await held.release();
    await cache.close();
  },
);

test(
  'a segment that can not save is Unavailable; with room again it comes to the same state',
  { skip },
  async () => {
    const segments = await openSegments(store);
    const elsewhere = await segments.run(await segments.newWorker(), 0, 10);
    await segments.settled();
    const other = await openSegments(await s3.openStore());
    const worker = { ...(await other.newWorker()), scratch: join(small.path, 'scratch') };
    await mkdir(worker.scratch);
    await small.fill();
    await assert.rejects(other.run(worker, 0, 10), isOfFullDisk);
    const left = await readdir(worker.scratch, { recursive: true, withFileTypes: true });
    assert.deepEqual(
      left.filter((entry) => entry.isFile()),
      [],
      'what could not be saved whole takes no room',
    );
    await small.free();
    const again = await other.run(worker, 0, 10);
    assert.deepEqual(again.checkpoint, elsewhere.checkpoint);
    await worker.uploads.settled(other.inputs.run);
    assert.equal(await other.digestOf(10), await segments.digestOf(10));
    await Promise.all([segments.remove(), other.remove()]);
  },
);

test(
  'predictions that do not fit are Unavailable, and the trainer lives on',
  { skip },
  async () => {
    const { model, training } = configSchema.parse({ training: { microBatchSize: 1 } });
    const conventions = conventionsOf(trainingInputs());
    const script = new URL('../../workers/trainer.ts', import.meta.url);
    const trainer = await startTrainer(script, { model, training, classes: 2, conventions }, () =>
      assert.fail('its shard is here'),
    );
    const path = join(small.path, 'images');
    await writeFile(path, encodeShard(madeSamples(8, model.imageSize), 2).bytes);
    const rows = { path: join(small.path, 'rows.jsonl'), classes: ['cat', 'dog'] };
    const predict = (): Promise<unknown> =>
      trainer.ask({
        ...{ type: 'evaluate', records: 'images', rows },
        shards: [{ path, samples: 8 }],
      });
    try {
      await trainer.ask({ type: 'load', source: { kind: 'initial', seed: 1 } });
      await small.fill();
      await assert.rejects(predict(), isOfFullDisk);
      await small.free();
      await predict();
      assert.equal((await readFile(rows.path, 'utf8')).trim().split('\n').length, 8);
    } finally {
      trainer.kill();
    }
  },
);
