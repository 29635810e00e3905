/** Makes one view of one base shard: each image augmented by f(seed, view, image), one after the other. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AugmentedShards, PartInput } from '../contract/stages.ts';
import { augmentImage } from '../data/augment.ts';
import { openShardFile } from '../data/shard-file.ts';
import { writeShardFile } from '../data/shard-writer.ts';
import type { ShardSample } from '../data/tfrecord.ts';
import type { Step } from './durable.ts';
import { withLocalShard } from './local-shards.ts';
import type { DataServices } from './services.ts';
import { makePart, readShardSet } from './stages.ts';

export async function augmentShard(
  services: DataServices,
  input: PartInput<AugmentedShards>,
  step: Step,
): Promise<void> {
  const { stage, part } = input;
  const { base, view } = stage;
  const directory = await mkdtemp(join(services.scratch, 'augment-'));
  try {
    await makePart(services.store, input, step, async () => {
      const { classes } = await readShardSet(services.store, base);
      const name = `view-${view}-${String(part).padStart(5, '0')}.tfrecord`;
      const path = join(directory, name);
      const made = await withLocalShard(services, base, part, step.signal, (shard) =>
        writeShardFile(path, augmented(shard.path, stage), classes.length),
      );
      return { name, path, ...made };
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* augmented(
  path: string,
  { imageSize, seed, view, augment }: AugmentedShards,
): AsyncGenerator<ShardSample> {
  const shard = await openShardFile(path);
  try {
    for (let index = 0; index < shard.count; index += 1) {
      const record = shard.read(index);
      const { id, label } = record;
      const image = augmentImage(record, imageSize, augment, { seed, view, id });
      yield { id, label, image, height: imageSize, width: imageSize };
    }
  } finally {
    await shard.close();
  }
}
