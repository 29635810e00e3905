/** Any object of any data stage that goes bad is noticed, and made anew as it was. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { augmentShard } from '../../activities/augment-shard.ts';
import { ingestDataset } from '../../activities/ingest-dataset.ts';
import { openStage } from '../../activities/open-stage.ts';
import { sealStage } from '../../activities/seal-stage.ts';
import type { DataServices } from '../../activities/services.ts';
import { splitDataset } from '../../activities/split-dataset.ts';
import { writeShard } from '../../activities/write-shard.ts';
import { configSchema } from '../../contract/config.ts';
import { partManifestKey, stageManifestKey } from '../../contract/keys.ts';
import { sides } from '../../contract/manifests.ts';
import { augmentedShards } from '../../contract/stages.ts';
import type { BaseShards, PartInput, PartedStage } from '../../contract/stages.ts';
import { sha256Hex } from '../../storage/hash.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { madeArchive } from '../support/cifar-archive.ts';
import { damages } from '../support/damage.ts';
import { keysOf, openTestServices, testStep } from '../support/data-services.ts';
import { overlayStore } from '../support/overlay-store.ts';
import { trainingInputs } from '../support/training-inputs.ts';

let source: string;
before(async () => void (source = await madeArchive(30)));
after(() => rm(dirname(source), { recursive: true }));

const config = configSchema.parse({ dataset: { shardBytes: 60_000 } });

/** As a run prepares its data, every byte of what is there looked at. */
async function prepare(services: DataServices): Promise<{ train: string }> {
  const make = async <Stage extends PartedStage>(
    stage: Stage,
    makePart: (services: DataServices, input: PartInput<Stage>, step: Step) => Promise<void>,
  ): Promise<string> => {
    const { digest, parts } = await openStage(services, stage, testStep());
    for (let part = 0; part < parts; part += 1) {
      await makePart(services, { stage, digest, part }, testStep());
    }
    await sealStage(services, stage, testStep());
    return digest;
  };
  const dataset = await ingestDataset(
    services,
    { source, maxBadImages: 0, keepDays: 7 },
    testStep(),
  );
  const split = await splitDataset(services, { dataset: dataset.digest, config }, testStep());
  const base: string[] = [];
  for (const side of sides) {
    const { imageSize } = config.model;
    const { shardBytes } = config.dataset;
    const stage: BaseShards = { kind: 'base', split: split.digest, side, imageSize, shardBytes };
    base.push(await make(stage, writeShard));
  }
  const inputs = { ...trainingInputs(), config, train: base[0]! };
  await make(augmentedShards(inputs, 0), augmentShard);
  return inputs;
}

type Step = ReturnType<typeof testStep>;

for (const [damage, hurt] of Object.entries(damages)) {
  test(`${damage}: it is made anew as it was`, async () => {
    const store = openMemoryStore();
    const first = await openTestServices(store);
    await prepare(first);
    await first.remove();
    const contents = await dataOf();
    const keys = (await keysOf(store)).filter((key) => key.startsWith('stages/'));
    assert.ok(keys.length > 20, `${keys.length} objects`);
    for (const key of keys) {
      await hurt(store, key);
      // Another worker: its cache does not have the file.
      const services = await openTestServices(store);
      await prepare(services);
      await services.remove();
      assert.deepEqual(await dataOf(), contents, key);
    }

    /** Hashes of what the stages' manifests name, by stage and name. */
    async function dataOf(): Promise<Record<string, string>> {
      const found: Record<string, string> = {};
      for (const key of await keysOf(store)) {
        if (!key.endsWith('/manifest.json')) continue;
        const { bytes } = await store.get(key);
        const { content } = JSON.parse(Buffer.from(bytes).toString()) as {
          content: { files?: { name: string; key: string }[] };
        };
        for (const file of content.files ?? []) {
          found[`${key} ${file.name}`] = sha256Hex((await store.get(file.key)).bytes);
        }
      }
      return found;
    }
  });
}

test('a part asks for no file but its own, however many the stage it reads has', async () => {
  const store = openMemoryStore();
  const services = await openTestServices(store);
  const { train } = await prepare(services);
  let asked = 0;
  const counting = overlayStore(store, {
    head(key, options) {
      asked += 1;
      return store.head(key, options);
    },
  });
  const stage = augmentedShards({ ...trainingInputs(), config, train }, 1);
  const { digest, parts } = await openStage(services, stage, testStep());
  assert.ok(parts > 1);
  await augmentShard({ ...services, store: counting }, { stage, digest, part: 0 }, testStep());
  assert.equal(asked, 0);
  await services.remove();
});

test('a stage that reads one whose manifest is gone says that an object is damaged', async () => {
  const store = openMemoryStore();
  const services = await openTestServices(store);
  const { train } = await prepare(services);
  await store.delete([stageManifestKey(train)]);
  const stage = augmentedShards({ ...trainingInputs(), config, train }, 1);
  await assert.rejects(openStage(services, stage, testStep()), { name: 'DamagedObject' });
  await services.remove();
});

test('a stage of which a part is gone says that an object is damaged', async () => {
  const store = openMemoryStore();
  const services = await openTestServices(store);
  const { train } = await prepare(services);
  const stage = augmentedShards({ ...trainingInputs(), config, train }, 0);
  const { digest } = await openStage(services, stage, testStep());
  await store.delete([partManifestKey(digest, 1)]);
  await assert.rejects(sealStage(services, stage, testStep()), { name: 'DamagedObject' });
  await services.remove();
});
