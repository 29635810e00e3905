/** Makes one view of one base shard: each image augmented by f(seed, view, image). */
import { readFile } from 'node:fs/promises';
import type { AugmentedShards, PartInput } from '../contract/stages.ts';
import { augmentImage } from '../data/augment.ts';
import { encodeShard, openShard } from '../data/tfrecord.ts';
import type { ShardSample } from '../data/tfrecord.ts';
import type { Step } from './durable.ts';
import { withLocalShards } from './local-shards.ts';
import type { DataServices } from './services.ts';
import { makePart, readShardSet } from './stages.ts';

export async function augmentShard(
  services: DataServices,
  input: PartInput<AugmentedShards>,
  step: Step,
): Promise<void> {
  const { stage, part } = input;
  const { base, seed, view, augment } = stage;
  await makePart(services.store, input, step, async () => {
    const { classes } = await readShardSet(services.store, base);
    const samples = await withLocalShards(
      services,
      base,
      step.signal,
      async ([shard]): Promise<ShardSample[]> => {
        const records = openShard(await readFile(shard!.path), shard!.path);
        return Array.from({ length: records.count }, (_, index) => {
          const record = records.read(index);
          const { id, image, height } = record;
          return { ...record, image: augmentImage(image, height, augment, { seed, view, id }) };
        });
      },
      part,
    );
    const name = `view-${view}-${String(part).padStart(5, '0')}.tfrecord`;
    return { name, ...encodeShard(samples, classes.length) };
  });
}
