/**
 * A data worker's activity without its servers: augments shards of a store in memory for a while.
 * Usage `augmenting-worker.ts <spec>`; begins when a line comes in, and prints images a second.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { augmentShard } from '../../activities/augment-shard.ts';
import { describeStage } from '../../activities/stages.ts';
import { configSchema } from '../../contract/config.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { shardSetManifestSchema } from '../../contract/manifests.ts';
import type { AugmentedShards } from '../../contract/stages.ts';
import { encodeShard } from '../../data/tfrecord.ts';
import { openCache } from '../../storage/cache.ts';
import { commitManifest, writeData } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';

export interface AugmentingSpec {
  readonly size: number;
  readonly images: number;
  readonly seconds: number;
}

const { size, images, seconds } = JSON.parse(process.argv[2]!) as AugmentingSpec;
const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-augmenting-'));
const store = openMemoryStore();
const base = '0'.repeat(64);
const services = {
  store,
  openBucket: async () => store,
  cache: await openCache({ directory: join(folder, 'cache'), maxBytes: 2 ** 40 }),
  scratch: folder,
  downloads: folder,
};
await writeBase();
const { augment } = configSchema.parse({});
await augmentView(0);
console.log('ready');
await once(process.stdin, 'data');

const began = performance.now();
let views = 0;
while (performance.now() - began < 1000 * seconds) await augmentView(++views);
const rate = (views * images) / ((performance.now() - began) / 1000);
console.log(JSON.stringify({ imagesPerSecond: rate }));
await rm(folder, { recursive: true });
process.exit();

async function augmentView(view: number): Promise<void> {
  const stage: AugmentedShards = {
    kind: 'augmented',
    base,
    imageSize: size,
    seed: 0,
    view,
    augment,
    keepDays: 1,
  };
  const { digest } = await describeStage(store, stage);
  const step = { signal: new AbortController().signal, attempt: 'bench', report: () => undefined };
  await augmentShard(services, { stage, digest, part: 0 }, step);
  const made: string[] = [];
  for await (const { key } of store.list(`stages/${digest}/`)) made.push(key);
  await store.delete(made);
}

/** A set of one shard. */
async function writeBase(): Promise<void> {
  const samples = Array.from({ length: images }, (_, number) => ({
    id: `made/${number}`,
    label: number % 10,
    image: Uint8Array.from({ length: size * size * 3 }, (__, at) => ((at + number) * 7919) % 251),
    height: size,
    width: size,
  }));
  const { bytes, ...facts } = encodeShard(samples, 10);
  const files = await writeData(store, `stages/${base}/bench/`, [{ name: 'base', bytes }]);
  await commitManifest(store, stageManifestKey(base), shardSetManifestSchema, {
    version: 1,
    generation: 0,
    attempt: 'bench',
    files,
    kind: 'shards',
    digest: base,
    inputs: [],
    operation: 'bench',
    parameters: {},
    classes: Array.from({ length: 10 }, (_, label) => `class ${label}`),
    samples: images,
    shards: files.map((file) => ({ ...file, ...facts, labelCounts: [...facts.labelCounts] })),
  });
}
