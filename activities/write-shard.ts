/** Decodes and resizes the images of one base shard and stores them as TFRecord. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stageManifestKey } from '../contract/keys.ts';
import { datasetManifestSchema } from '../contract/manifests.ts';
import type { DatasetManifest } from '../contract/manifests.ts';
import type { BaseShards, PartInput } from '../contract/stages.ts';
import { decodeSample } from '../data/decode-sample.ts';
import type { Sample } from '../data/sample-list.ts';
import { writeShardFile } from '../data/shard-writer.ts';
import type { ShardSample } from '../data/tfrecord.ts';
import type { Step } from './durable.ts';
import { readRows, readSamples } from './read-samples.ts';
import type { DataServices } from './services.ts';
import { makePart, planBaseShards, readSplit, required } from './stages.ts';

/** Decoded images in memory at once. */
const groupBytes = 32 * 1024 * 1024;

export async function writeShard(
  services: DataServices,
  input: PartInput<BaseShards>,
  step: Step,
): Promise<void> {
  const { store } = services;
  const { stage, part } = input;
  const { side } = stage;
  const directory = await mkdtemp(join(services.scratch, 'base-'));
  try {
    await makePart(store, input, step, async () => {
      const split = await readSplit(store, stage.split);
      const planned = planBaseShards(stage, split.samples[side])[part]!;
      const rows = await readRows(store, split.files, side, planned);
      const key = stageManifestKey(split.dataset);
      const dataset = await required(store, key, datasetManifestSchema);
      const samples = decoded(services, dataset, rows, stage, step.signal);
      const name = `${side}-${String(part).padStart(5, '0')}.tfrecord`;
      const path = join(directory, name);
      return { name, path, ...(await writeShardFile(path, samples, split.classes.length)) };
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* decoded(
  services: DataServices,
  dataset: DatasetManifest,
  rows: readonly Sample[],
  { imageSize, side }: BaseShards,
  signal: AbortSignal,
): AsyncGenerator<ShardSample> {
  const group = Math.ceil(groupBytes / (imageSize ** 2 * 3));
  for (let first = 0; first < rows.length; first += group) {
    const taken = rows.slice(first, first + group);
    yield* await readSamples(services, dataset, taken, signal, async (row, bytes) => ({
      id: row.id,
      label: row.label,
      ...(await decodeSample(dataset.encoding, bytes, imageSize, side)),
    }));
  }
}
