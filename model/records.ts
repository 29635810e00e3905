/** How the records of a shard, images or features, come to the program. */
import type { Batch } from '../data/batches.ts';
import type { InputBatch, Program } from './program.ts';
import type { RecordKind } from './trainer-messages.ts';

export function recordBytes(
  records: RecordKind,
  { imageSize, featureCount }: Pick<Program, 'imageSize' | 'featureCount'>,
): number {
  return records === 'images' ? imageSize ** 2 * 3 : featureCount * Float32Array.BYTES_PER_ELEMENT;
}

/** The batch as the program takes it: the same memory, so no longer than the batch is held. */
export function inputOf({ images, labels }: Batch, records: RecordKind): InputBatch {
  if (records === 'images') return { images, labels };
  const count = images.byteLength / Float32Array.BYTES_PER_ELEMENT;
  return { features: new Float32Array(images.buffer, images.byteOffset, count), labels };
}
