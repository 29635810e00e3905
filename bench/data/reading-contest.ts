/** Readers of shards in a real S3 server on this machine: each in a process of its own, in turn, each in its own format. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { StoredShard } from '../../model/trainer-messages.ts';
import { imagesPerSecond } from './contestant.ts';
import { dataPeersPython } from './peers.mjs';
import type { RowOptions } from './row.ts';
import { openBenchStore, writeShards } from './stored-sets.ts';
import type { BenchStore, MadeSet } from './stored-sets.ts';

export interface ReadingSet extends MadeSet {
  readonly batch: number;
}

/** What a contestant's process is told. */
export interface ReadingSpec extends ReadingSet {
  readonly variant: string;
  readonly bucket: string;
  /** For what it keeps on local disk: empty at first. */
  readonly folder: string;
  readonly shards: readonly StoredShard[];
}

const contestants = [
  { name: 'Nightshift', script: 'reading-ours.ts', variant: '' },
  { name: 'MosaicML Streaming', script: 'reading_peer.py', variant: 'mosaic 0' },
  { name: 'MosaicML Streaming, 2 processes', script: 'reading_peer.py', variant: 'mosaic 2' },
  { name: 'WebDataset', script: 'reading_peer.py', variant: 'web 0' },
  { name: 'WebDataset, 2 processes', script: 'reading_peer.py', variant: 'web 2' },
  { name: 'tf.data', script: 'reading_peer.py', variant: 'tf.data' },
] as const;

/** Images a second of each round, by contestant. */
export async function readingContest(
  set: ReadingSet,
  { rounds, only }: RowOptions,
): Promise<Record<string, number[]>> {
  const python = await dataPeersPython('reading');
  const opened = await openBenchStore();
  const environment = { ...process.env, ...opened.environment };
  try {
    const shards = await writeShards(opened, set);
    await writePeersSets(opened, set, shards[0]!.samples, python);
    const rates: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, script, variant } of contestants) {
        if (only.length > 0 && !only.some((text) => name.includes(text))) continue;
        const folder = await mkdtemp(join(opened.folder, 'local-'));
        const spec: ReadingSpec = { ...set, variant, bucket: 'bench', folder, shards };
        const rate = await imagesPerSecond(python, script, spec, environment);
        await rm(folder, { recursive: true });
        (rates[name] ??= []).push(rate);
        const load = loadavg()[0]!.toFixed(1);
        console.error(`round ${round + 1}: ${name} ${rate.toFixed(0)} images/s, load ${load}`);
      }
    }
    return rates;
  } finally {
    await opened.stop();
  }
}

/** MosaicML's under `mds/`, WebDataset's under `wds/`; tf.data reads ours. */
async function writePeersSets(
  { store, folder: root }: BenchStore,
  { size, images }: ReadingSet,
  imagesPerShard: number,
  python: string,
): Promise<void> {
  const folder = join(root, 'sets');
  const spec = { size, images, imagesPerShard, folder };
  const script = join(import.meta.dirname, 'reading_sets.py');
  execFileSync(python, [script, JSON.stringify(spec)], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const format of ['mds', 'wds']) {
    for (const name of await readdir(join(folder, format))) {
      await store.putFile(`${format}/${name}`, join(folder, format, name));
    }
  }
  await rm(folder, { recursive: true });
}
