/** Writes a shard to local disk a record at a time: few are in memory, however large it gets. */
import { open } from 'node:fs/promises';
import { frameOf } from './tfrecord.ts';
import type { EncodedShard, ShardSample } from './tfrecord.ts';

/** A few megabytes at once are written as fast as more. */
const pieceBytes = 4 * 1024 * 1024;

/** Writes the samples to `path`; the same bytes as `encodeShard` gives. */
export async function writeShardFile(
  path: string,
  samples: Iterable<ShardSample> | AsyncIterable<ShardSample>,
  classes: number,
): Promise<Omit<EncodedShard, 'bytes'>> {
  const labelCounts = Array.from({ length: classes }, () => 0);
  let count = 0;
  let piece: Uint8Array[] = [];
  let waiting = 0;
  await using file = await open(path, 'w');
  const flush = async (): Promise<void> => {
    await file.writeFile(Buffer.concat(piece));
    piece = [];
    waiting = 0;
  };
  for await (const sample of samples) {
    labelCounts[sample.label]! += 1;
    count += 1;
    for (const part of frameOf(sample)) {
      piece.push(part);
      waiting += part.length;
    }
    if (waiting >= pieceBytes) await flush();
  }
  await flush();
  return { samples: count, labelCounts };
}
