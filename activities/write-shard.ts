/** Decodes and resizes the images of one base shard and stores them as TFRecord. */
import { stageManifestKey } from '../contract/keys.ts';
import { datasetManifestSchema } from '../contract/manifests.ts';
import type { BaseShards, PartInput } from '../contract/stages.ts';
import { cifarImageSize, cifarRecord } from '../data/cifar.ts';
import { resizeImage } from '../data/resize.ts';
import { parseSampleList } from '../data/split.ts';
import { encodeShard } from '../data/tfrecord.ts';
import type { ShardSample } from '../data/tfrecord.ts';
import { readFileOf } from '../storage/commit.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { readSourceFiles } from './source-files.ts';
import { makePart, planBaseShards, readSplit, required } from './stages.ts';

export async function writeShard(
  services: DataServices,
  input: PartInput<BaseShards>,
  step: Step,
): Promise<void> {
  const { stage, part } = input;
  await makePart(services.store, input, step, async () => {
    const split = await readSplit(services.store, stage.split);
    const list = split.files.find(({ name }) => name === `${stage.side}.jsonl`)!;
    const listed = await readFileOf(services.store, list);
    const { first, count } = planBaseShards(stage, split.samples[stage.side])[part]!;
    const rows = parseSampleList(listed).slice(first, first + count);

    const dataset = await required(
      services.store,
      stageManifestKey(split.dataset),
      datasetManifestSchema,
    );
    const wanted = dataset.files.filter(({ name }) => rows.some(({ file }) => file === name));
    const samples: ShardSample[] = [];
    for await (const { name, bytes } of readSourceFiles(services, wanted, step.signal)) {
      for (const [index, row] of rows.entries()) {
        if (row.file !== name) continue;
        const { image } = cifarRecord(bytes, row.record);
        samples[index] = {
          id: row.id,
          label: row.label,
          image: await resizeImage(image, cifarImageSize, stage.imageSize),
          height: stage.imageSize,
          width: stage.imageSize,
        };
      }
    }
    const name = `${stage.side}-${String(part).padStart(5, '0')}.tfrecord`;
    return { name, ...encodeShard(samples, split.classes.length) };
  });
}
