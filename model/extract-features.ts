/**
 * What the backbone makes of a shard's images, as a shard of its own. Images are taken in the
 * shard's order, so many at a time: which of them are computed together decides the last bits.
 */
import { writeFile } from 'node:fs/promises';
import { filesAt, openBatches } from '../data/batches.ts';
import { encodeShard } from '../data/tfrecord.ts';
import type { ShardSample } from '../data/tfrecord.ts';
import type { Program } from './program.ts';
import { recordBytes } from './records.ts';
import type { LocalShard } from './trainer-messages.ts';

export const extractionBatchSize = 64;

/** Writes the features of `shard` to `path`; `onBatch` hears how many seconds each batch took. */
export async function extractFeatures(
  program: Program,
  classes: number,
  { shard, path }: { readonly shard: LocalShard; readonly path: string },
  onBatch: (seconds: number) => void = () => undefined,
): Promise<void> {
  const batches = openBatches(
    {
      shardSamples: [shard.samples],
      batchSize: extractionBatchSize,
      fromPosition: 0,
      imageBytes: recordBytes('images', program),
    },
    filesAt([shard.path]),
  );
  const { featureCount: width } = program;
  const bytes = recordBytes('features', program);
  const samples: ShardSample[] = [];
  let before = performance.now();
  try {
    for (let batch = await batches.next(); batch; batch = await batches.next()) {
      const { buffer, byteOffset, byteLength } = program.features(batch);
      const features = new Uint8Array(buffer, byteOffset, byteLength);
      for (const [index, id] of batch.ids.entries()) {
        const image = features.subarray(index * bytes, (index + 1) * bytes);
        samples.push({ id, label: batch.labels[index]!, image, height: 1, width });
      }
      batch.release();
      const now = performance.now();
      onBatch((now - before) / 1000);
      before = now;
      // Lets the parent's messages in.
      await new Promise(setImmediate);
    }
  } finally {
    batches.close();
  }
  await writeFile(path, encodeShard(samples, classes).bytes);
}
