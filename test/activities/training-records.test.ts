/** What a segment reads, and which features are made for it. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { programOf } from '../../activities/train-steps.ts';
import { fromScratch } from '../../contract/weights.ts';
import { readShardSet } from '../../activities/stages.ts';
import type { ModelServices } from '../../activities/services.ts';
import { withTrainingRecords } from '../../activities/training-records.ts';
import { openUploads } from '../../activities/uploads.ts';
import type { ConfigInput } from '../../contract/config.ts';
import { stageDataPrefix, stageManifestKey } from '../../contract/keys.ts';
import { shardSetManifestSchema } from '../../contract/manifests.ts';
import type { TrainingInputs } from '../../contract/stages.ts';
import type { Numerics } from '../../contract/timeline.ts';
import type { TrainerEvent } from '../../model/trainer-client.ts';
import { openCache } from '../../storage/cache.ts';
import { commitManifest, writeData } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';
import { openFakeTrainer } from './fake-trainer.ts';
import { noMetrics } from '../support/no-metrics.ts';

const images = '2'.repeat(64);
const parts = ['a', 'b', 'c'];

let folder: string;
let store: ObjectStore;
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'nightshift-records-'))));
after(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  store = openMemoryStore();
  const files = await writeData(
    store,
    stageDataPrefix(images, 'test'),
    parts.map((name) => ({ name, bytes: Buffer.from(name) })),
  );
  await commitManifest(store, stageManifestKey(images), shardSetManifestSchema, {
    version: 1,
    generation: 0,
    attempt: 'test',
    files,
    kind: 'shards',
    digest: images,
    inputs: [],
    operation: 'test',
    parameters: {},
    classes: ['cat', 'dog'],
    samples: parts.length,
    shards: files.map((file) => ({ ...file, samples: 1, labelCounts: [1, 0] })),
  });
});

const inputsOf = (config: ConfigInput): TrainingInputs => ({
  ...trainingInputs(config),
  weights: { digest: '6'.repeat(64), conventions: fromScratch },
});
const reusing = inputsOf({ model: { trainable: 'head' }, augment: { views: 2 } });

interface Read {
  readonly records: string;
  readonly contents: string[];
  /** Parts that were computed for it. */
  readonly extracted: number;
}

/** Reads with a trainer and a cache of its own; `dieAfter` so many parts the worker stops. */
async function read(
  inputs: TrainingInputs,
  side: 'train' | 'validation',
  { dieAfter = Infinity, computing = numerics }: { dieAfter?: number; computing?: Numerics } = {},
): Promise<Read> {
  const trainer = openFakeTrainer(computing);
  const directory = await mkdtemp(join(folder, 'cache-'));
  const services: ModelServices = {
    store,
    openBucket: async () => store,
    cache: await openCache({ directory, maxBytes: 1e6 }),
    scratch: await mkdtemp(join(folder, 'scratch-')),
    downloads: folder,
    trainer,
    uploads: openUploads(),
    metrics: noMetrics,
    workerQueue: 'gpu-test',
  };
  const stop = new AbortController();
  let events = 0;
  const onEvent = ({ type }: TrainerEvent): void => {
    if (type === 'extracting' && ++events > dieAfter) stop.abort(new Error('killed'));
  };
  const step = { signal: stop.signal, attempt: crypto.randomUUID(), report: () => undefined };
  return trainer.use(programOf(inputs), step.signal, (warm) =>
    withTrainingRecords(
      services,
      inputs,
      images,
      side,
      { trainer: warm, step, onEvent },
      async ({ records, shards }) => ({
        records,
        contents: await Promise.all(
          shards.map(async (shard) => {
            const file = await services.cache.fetch(shard, store);
            const text = await readFile(file.path, 'utf8');
            await file.release();
            return text;
          }),
        ),
        extracted: trainer.asked.filter(({ type }) => type === 'extract').length,
      }),
    ),
  );
}

const features = parts.map((part) => `features of ${part}`);

test('where views come again features are made once, a shard a shard, in order', async () => {
  assert.deepEqual(await read(reusing, 'train'), {
    records: 'features',
    contents: features,
    extracted: 3,
  });
  assert.deepEqual(await read(reusing, 'train'), {
    records: 'features',
    contents: features,
    extracted: 0,
  });
});

test('a fresh view each epoch is trained on as images, and validated by features', async () => {
  const fresh = inputsOf({ model: { trainable: 'head' } });
  assert.deepEqual(await read(fresh, 'train'), {
    records: 'images',
    contents: parts,
    extracted: 0,
  });
  assert.equal((await read(fresh, 'validation')).records, 'features');
});

test('where more than the head learns there are no features', async () => {
  const learning = inputsOf({ model: { trainable: 'head+batchnorm' }, augment: { views: 1 } });
  for (const side of ['train', 'validation'] as const) {
    assert.equal((await read(learning, side)).records, 'images');
  }
});

test('after a kill only the parts that were not committed are computed', async () => {
  await assert.rejects(read(reusing, 'train', { dieAfter: 1 }), /killed/);
  const { contents, extracted } = await read(reusing, 'train');
  assert.deepEqual(contents, features);
  assert.equal(extracted, 2);
});

test('a damaged part is computed again, and no other', async () => {
  await read(reusing, 'train');
  const key = await featureKey();
  const { bytes } = await store.get(key);
  await store.put(key, Buffer.from(bytes).fill('?'));
  const { contents, extracted } = await read(reusing, 'train');
  assert.deepEqual(contents, features);
  assert.equal(extracted, 1);
});

test('other weights, other hardware and other precision have features of their own', async () => {
  await read(reusing, 'train');
  const others: [TrainingInputs, Numerics][] = [
    [{ ...reusing, weights: { digest: '7'.repeat(64), conventions: fromScratch } }, numerics],
    [reusing, { ...numerics, threads: 8 }],
    [reusing, { ...numerics, precision: 'bfloat16' }],
  ];
  for (const [inputs, computing] of others) {
    assert.equal((await read(inputs, 'train', { computing })).extracted, 3);
  }
});

test('a run with another head and other steps finds the features of the one before', async () => {
  await read(reusing, 'train');
  const other = inputsOf({
    model: { trainable: 'head', dropout: 0 },
    training: { learningRate: { initial: 0.1 }, batchSize: 8 },
    augment: { views: 3 },
  });
  // The whole graph is another then, its part below the head is not.
  const computing = { ...numerics, graph: '8'.repeat(64) };
  assert.equal((await read(other, 'train', { computing })).extracted, 0);
});

/** Where the second part's features lie. */
async function featureKey(): Promise<string> {
  for await (const { key } of store.list('stages/')) {
    const [, digest] = /^stages\/(\w+)\/manifest\.json$/.exec(key) ?? [];
    if (digest && digest !== images) return (await readShardSet(store, digest)).shards[1]!.key;
  }
  throw new Error('there are no features');
}
