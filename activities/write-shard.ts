/** Decodes and resizes the images of one base shard and stores them as TFRecord. */
import { stageManifestKey } from '../contract/keys.ts';
import { datasetManifestSchema } from '../contract/manifests.ts';
import type { BaseShards, PartInput } from '../contract/stages.ts';
import { decodeSample } from '../data/decode-sample.ts';
import { encodeShard } from '../data/tfrecord.ts';
import type { Step } from './durable.ts';
import { readRows, readSamples } from './read-samples.ts';
import type { DataServices } from './services.ts';
import { makePart, planBaseShards, readSplit, required } from './stages.ts';

export async function writeShard(
  services: DataServices,
  input: PartInput<BaseShards>,
  step: Step,
): Promise<void> {
  const { store } = services;
  const { stage, part } = input;
  const { side, imageSize } = stage;
  await makePart(store, input, step, async () => {
    const split = await readSplit(store, stage.split);
    const planned = planBaseShards(stage, split.samples[side])[part]!;
    const rows = await readRows(store, split.files, side, planned);
    const key = stageManifestKey(split.dataset);
    const dataset = await required(store, key, datasetManifestSchema);
    const samples = await readSamples(services, dataset, rows, step.signal, async (row, bytes) => ({
      id: row.id,
      label: row.label,
      ...(await decodeSample(dataset.encoding, bytes, imageSize, side)),
    }));
    const name = `${side}-${String(part).padStart(5, '0')}.tfrecord`;
    return { name, ...encodeShard(samples, split.classes.length) };
  });
}
