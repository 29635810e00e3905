/** What is let go of, in memory and on a real S3 server: orphans, never anything that is named or young. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  checkpointDataPrefix,
  partManifestKey,
  runNameKey,
  runRecordKey,
  runResultKey,
  sourcePointerKey,
  stageDataPrefix,
  stageManifestKey,
} from '../../contract/keys.ts';
import {
  checkpointManifestSchema,
  partManifestSchema,
  shardSetManifestSchema,
} from '../../contract/manifests.ts';
import { planTraining } from '../../contract/plan.ts';
import { orphanAgeMs } from '../../contract/timing.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { checkpointAt, commitCheckpoint, manifestKeyOf } from '../../model/checkpoint.ts';
import { pruneCheckpoints, sweep } from '../../model/retention.ts';
import { commitManifest, readManifest, writeData } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { withAged } from '../support/aged.ts';
import { keysOf } from '../support/data-services.ts';
import { overlayStore } from '../support/overlay-store.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const inputs = trainingInputs({ training: { batchSize: 100, epochs: 4, validateEverySteps: 10 } });
const timeline = [{ fromStep: 0, numerics }];
const context = {
  ...{ inputs, timeline, validations: [] },
  plan: planTraining(inputs.samples, inputs.config.training),
};
const [stage, unsealed, broken] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
];
const bytes = Buffer.from('some data');

let s3: TestS3;
let folder: string;
before(async () => {
  s3 = await startTestS3();
  folder = await mkdtemp(join(tmpdir(), 'nightshift-retention-'));
  for (const name of [...bundleFiles, lossesFile, ledgerFile]) {
    await writeFile(join(folder, name), name);
  }
});
after(async () => {
  await s3.stop();
  await rm(folder, { recursive: true });
});

const stores: Record<string, () => Promise<ObjectStore>> = {
  memory: async () => openMemoryStore(),
  versitygw: () => s3.openStore(),
};

const commit = (store: ObjectStore, step: number) =>
  commitCheckpoint(store, context, {
    checkpoint: checkpointAt(inputs, timeline, step),
    parent: null,
    directory: folder,
  });

const stateKey = (step: number): string => manifestKeyOf(checkpointAt(inputs, timeline, step));

const readState = (store: ObjectStore, step: number) =>
  readManifest(store, stateKey(step), checkpointManifestSchema, { deep: true });

/** What an attempt at a checkpoint leaves behind that was killed before its commit. */
async function orphanOf(store: ObjectStore, step: number): Promise<string> {
  const { run, lineage } = checkpointAt(inputs, timeline, step);
  const prefix = checkpointDataPrefix(run, lineage, step, randomUUID());
  const [file] = await writeData(store, prefix, [{ name: bundleFiles[1], bytes }]);
  return file!.key;
}

async function commitPart(store: ObjectStore, digest: string, part: number): Promise<void> {
  const attempt = randomUUID();
  const name = `shard-${part}`;
  const files = await writeData(store, stageDataPrefix(digest, attempt), [{ name, bytes }]);
  await commitManifest(store, partManifestKey(digest, part), partManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'part', attempt, stage: digest, part, files },
    shard: { ...files[0]!, samples: 1, labelCounts: [1, 0] },
  });
}

for (const [name, open] of Object.entries(stores)) {
  describe(`sweeping a store over ${name}`, () => {
    let store: ObjectStore;
    beforeEach(async () => void (store = await open()));
    const sweepOf = (over: ObjectStore = withAged(store, () => true)) =>
      sweep(over, { olderThanMs: orphanAgeMs });

    test('lets go of what lost attempts wrote, and of nothing that a manifest or a pointer names', async () => {
      await commit(store, 10);
      await commitPart(store, unsealed, 0);
      for (const part of [0, 1]) await commitPart(store, stage, part);
      const parts = await Promise.all(
        [0, 1].map((part) => readManifest(store, partManifestKey(stage, part), partManifestSchema)),
      );
      await commitManifest(store, stageManifestKey(stage), shardSetManifestSchema, {
        ...{ version: 1, generation: 0, kind: 'shards', attempt: 'seal', digest: stage },
        ...{ operation: 'test', parameters: {}, inputs: [], classes: ['cat', 'dog'], samples: 2 },
        files: parts.flatMap((part) => part!.files),
        shards: parts.map((part) => part!.shard),
      });
      for (const key of [
        runRecordKey(inputs.run),
        runNameKey('1'.repeat(64)),
        sourcePointerKey('2'.repeat(64)),
        // It can't be read: whatever lies beside it may be what it names.
        stageManifestKey(broken),
        `${stageDataPrefix(broken, randomUUID())}shard`,
        // Not of a layout that this code knows.
        `runs/${inputs.run}/notes.txt`,
        `runs/${inputs.run}/result/${randomUUID()}/deeper/notes.txt`,
        `models/${randomUUID()}/saved_model.pb`,
        `stages/${stage}/data/notes.txt`,
      ]) {
        await store.put(key, bytes);
      }
      const before = await keysOf(store);
      const orphans = [
        await orphanOf(store, 10),
        await orphanOf(store, 20),
        `${stageDataPrefix(stage, randomUUID())}shard-0`,
        `${stageDataPrefix('d'.repeat(64), randomUUID())}shard-0`,
        runResultKey(inputs.run).replace('manifest.json', `${randomUUID()}/report.html`),
      ];
      for (const key of orphans) await store.put(key, bytes);

      const swept = await sweepOf();
      assert.deepEqual(swept, { objects: 5, bytes: 5 * bytes.length, uploads: 0 });
      assert.deepEqual((await keysOf(store)).toSorted(), before.toSorted());
      assert.deepEqual(await sweepOf(), { objects: 0, bytes: 0, uploads: 0 });
    });

    test('leaves what is young, by the clock of the store', async (t) => {
      const old = await orphanOf(store, 10);
      const young = await orphanOf(store, 10);
      t.mock.method(Date, 'now', () => new Date('2100-01-01').getTime());
      await sweepOf(withAged(store, ({ key }) => key === old));
      assert.deepEqual(await keysOf(store), [young]);
    });

    test('leaves data whose manifest is committed while it sweeps', async () => {
      const orphan = await orphanOf(store, 10);
      await commit(store, 20);
      const { bytes: manifest } = await store.get(stateKey(20));
      await store.delete([stateKey(20)]);
      const onListed = async () => void (await store.put(stateKey(20), manifest));
      const swept = await sweepOf(withAged(store, () => true, onListed));
      assert.equal(swept.objects, 1);
      assert.ok(await readState(store, 20));
      assert.equal(await store.head(orphan), undefined);
    });

    test('leaves the data of a manifest that is replaced between listing and deleting', async () => {
      await commit(store, 10);
      await pruneCheckpoints(store, inputs, timeline, { newest: 0, steps: [] });
      let generation = 0;
      const sweeping = withAged(
        store,
        () => true,
        async () => {
          if (generation > 0) return;
          await commit(store, 10);
          generation = (await readState(store, 10))!.generation;
        },
      );
      await sweepOf(sweeping);
      assert.equal(generation, 1);
      const there = (await readState(store, 10))!;
      assert.deepEqual([there.generation, there.pruned], [1, false]);
    });

    test('takes what a pruning that was killed has left, and keeps the record of the steps', async () => {
      await commit(store, 10);
      const { files } = (await readState(store, 10))!;
      const killed = overlayStore(store, { delete: async () => undefined });
      await pruneCheckpoints(killed, inputs, timeline, { newest: 0, steps: [] });
      assert.equal((await sweepOf()).objects, 2);
      const there = (await readState(store, 10))!;
      assert.deepEqual(
        there.files.map((file) => file.name),
        [lossesFile, ledgerFile],
      );
      for (const file of files) {
        const isBundle = (bundleFiles as readonly string[]).includes(file.name);
        assert.equal((await store.head(file.key)) === undefined, isBundle);
      }
    });

    test('goes on beside commits and replacements, and hurts none', async () => {
      const old = new Set<string>();
      const steps = [10, 20, 30, 40];
      for (const step of steps) {
        for (let times = 0; times < 5; times += 1) old.add(await orphanOf(store, step));
      }
      const committers = steps.map(async (step) => {
        for (let times = 0; times < 4; times += 1) {
          await commit(store, step);
          if (times < 3) await store.delete([(await readState(store, step))!.files[0]!.key]);
        }
      });
      const sweeping = withAged(store, ({ key }) => old.has(key));
      for (let swept = 1; swept > 0;) ({ objects: swept } = await sweepOf(sweeping));
      await Promise.all(committers);
      await sweepOf(sweeping);
      for (const step of steps) assert.equal((await readState(store, step))!.generation, 3);
      const left = await keysOf(store);
      assert.ok(![...old].some((key) => left.includes(key)));
    });

    test('ends uploads that never ended, once they are as old', async () => {
      const asked: Date[] = [];
      const counting = overlayStore(store, {
        abortUploadsBefore: async (date) => asked.push(date),
      });
      assert.equal((await sweepOf(counting)).uploads, 1);
      const ageMs = Date.now() - asked[0]!.getTime();
      assert.ok(Math.abs(ageMs - orphanAgeMs) < 60_000);
    });
  });
}
