/** Which data stages are let go of, in memory and on a real S3 server; and that whoever asks for one meanwhile loses nothing. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  partManifestKey,
  stageDataPrefix,
  stageKeptKey,
  stageManifestKey,
} from '../../contract/keys.ts';
import {
  datasetManifestSchema,
  partManifestSchema,
  shardSetManifestSchema,
} from '../../contract/manifests.ts';
import { keepStage, sweepStages } from '../../model/stage-retention.ts';
import { commitManifest, writeData } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { withAged } from '../support/aged.ts';
import { keysOf } from '../support/data-services.ts';
import { overlayStore } from '../support/overlay-store.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';

const [view, other, features, base, half, dataset, imported] = 'abcdef0'
  .split('')
  .map((digit) => digit.repeat(64)) as [string, string, string, string, string, string, string];
const bytes = Buffer.from('some data');

let s3: TestS3;
before(async () => void (s3 = await startTestS3()));
after(() => s3.stop());

const stores: Record<string, () => Promise<ObjectStore>> = {
  memory: async () => openMemoryStore(),
  versitygw: () => s3.openStore(),
};

async function commitParts(store: ObjectStore, digest: string): Promise<void> {
  for (const part of [0, 1]) {
    const attempt = randomUUID();
    const data = [{ name: `shard-${part}`, bytes }];
    const files = await writeData(store, stageDataPrefix(digest, attempt), data);
    await commitManifest(store, partManifestKey(digest, part), partManifestSchema, {
      ...{ version: 1, generation: 0, kind: 'part', attempt, stage: digest, part, files },
      shard: { ...files[0]!, samples: 1, labelCounts: [1, 0] },
    });
  }
}

/** A whole stage; `days`: it may be let go of so many days after it was last asked for. */
async function seal(
  store: ObjectStore,
  digest: string,
  days?: number,
  inputs: string[] = [],
): Promise<void> {
  if (days !== undefined) await keepStage(store, digest, days);
  await commitParts(store, digest);
  await commitManifest(store, stageManifestKey(digest), shardSetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'shards', attempt: 'seal', digest, inputs },
    ...{ operation: 'test', parameters: {}, classes: ['cat', 'dog'], samples: 2 },
    ...{ files: [], shards: [] },
  });
}

/** An import of a pack, and the dataset that names it. */
async function commitDataset(store: ObjectStore): Promise<void> {
  const packs = await writeData(store, stageDataPrefix(imported, randomUUID()), [
    { name: 'images-00000.tfrecord', bytes },
  ]);
  const index = await writeData(store, stageDataPrefix(dataset, randomUUID()), [
    { name: 'index-00000.jsonl', bytes },
  ]);
  await commitManifest(store, stageManifestKey(dataset), datasetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'dataset', attempt: 'test', digest: dataset },
    ...{ operation: 'test', parameters: {}, inputs: [], files: [...packs, ...index] },
    ...{ source: 'made', encoding: 'file', classes: ['cat', 'dog'] },
    ...{ samples: 2, samplesByClass: [1, 1] },
  });
}

for (const [name, open] of Object.entries(stores)) {
  describe(`letting go of stages over ${name}`, () => {
    let store: ObjectStore;
    beforeEach(async () => void (store = await open()));
    /** A week and a little later, unless the store is another. */
    const sweepOf = (over = withAged(store, () => true), inUse: string[] = []) =>
      sweepStages(over, { days: 6, inUse: new Set(inUse) });
    const stagesLeft = async (): Promise<string[]> =>
      [...new Set((await keysOf(store)).map((key) => key.split('/')[1]!))].toSorted();

    test('takes those that nobody has asked for in their days, and no other', async () => {
      await seal(store, view, 6);
      await seal(store, other, 8);
      await seal(store, base);
      const swept = await sweepOf();
      assert.deepEqual([swept.stages, swept.objects, swept.bytes > 2 * bytes.length], [1, 5, true]);
      assert.deepEqual(await stagesLeft(), [other, base].toSorted());
      assert.deepEqual(await sweepOf(), { stages: 0, objects: 0, bytes: 0 });
    });

    test('leaves one that was asked for since, or for longer by another run', async () => {
      await seal(store, view, 6);
      await seal(store, other, 6);
      await keepStage(store, other, 30);
      const asked = stageKeptKey(view, 6);
      await sweepOf(withAged(store, ({ key }) => key !== asked));
      assert.deepEqual(await stagesLeft(), [view, other].toSorted());
    });

    test('goes by the clock of the store', async (t) => {
      await seal(store, view, 6);
      t.mock.method(Date, 'now', () => new Date('2100-01-01').getTime());
      assert.equal((await sweepOf(store)).stages, 0);
    });

    test('leaves what runs under way need, and the features of it', async () => {
      await seal(store, view, 1);
      await seal(store, features, 1, [view]);
      await seal(store, other, 1);
      await sweepOf(undefined, [view]);
      assert.deepEqual(await stagesLeft(), [view, features].toSorted());
      assert.equal((await sweepOf()).stages, 2);
    });

    test('takes what was never finished, and no import that became a dataset', async () => {
      await commitDataset(store);
      await commitParts(store, imported);
      await commitParts(store, half);
      assert.equal((await sweepOf()).stages, 1);
      assert.deepEqual(await stagesLeft(), [dataset, imported].toSorted());
    });

    test('leaves all that is not finished where a dataset can’t be read', async () => {
      await commitDataset(store);
      await commitParts(store, half);
      await seal(store, view, 6);
      await store.put(stageManifestKey(dataset), bytes);
      assert.equal((await sweepOf()).stages, 1);
      assert.deepEqual(await stagesLeft(), [half, dataset, imported].toSorted());
    });

    test('leaves the parts of one that is asked for between looking and deleting', async () => {
      await seal(store, view, 6);
      let isAsked = false;
      const sweeping = withAged(
        store,
        ({ key }) => key !== stageKeptKey(view, 6) || !isAsked,
        async () => {
          if (isAsked) return;
          isAsked = true;
          // A store tells times by the second.
          await new Promise((resolve) => setTimeout(resolve, 1_100));
          await keepStage(store, view, 6);
        },
      );
      assert.equal((await sweepOf(sweeping)).stages, 0);
      assert.ok(await store.head(partManifestKey(view, 1)));
      assert.equal(await store.head(stageManifestKey(view)), undefined, 'it is made again');
    });

    test('that was killed leaves no part that names nothing, and the next one ends it', async () => {
      await seal(store, view, 6);
      let deletions = 0;
      const killed = overlayStore(
        withAged(store, () => true),
        {
          async delete(keys, options) {
            if (keys.some((key) => key.startsWith('stages/'))) deletions += 1;
            if (deletions === 3) throw new Error('killed');
            await store.delete(keys, options);
          },
        },
      );
      await assert.rejects(sweepOf(killed), { message: 'killed' });
      const left = await keysOf(store);
      assert.ok(left.length > 0 && left.every((key) => !key.endsWith('manifest.json')));
      assert.equal((await sweepOf()).stages, 1);
      assert.deepEqual(await keysOf(store), []);
    });
  });
}
