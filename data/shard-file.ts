/**
 * A shard on local disk, read a record at a time: its bytes stay in the file, and in the system's
 * memory for as long as nobody else needs that. Only where each record begins is kept.
 */
import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { decodeRecord, footerBytes, headerBytes, readFrameLength } from './tfrecord.ts';
import type { ShardSample } from './tfrecord.ts';

export interface ShardFile {
  readonly count: number;
  /** Record `index`, its checksum compared; its image is valid until the next read of any shard. */
  read(index: number): ShardSample;
  close(): Promise<void>;
}

/** Opens the file, which may be unlinked from then on. Throws `DamagedObject` as `openShard` does. */
export async function openShardFile(path: string): Promise<ShardFile> {
  const file = await open(path);
  try {
    const starts = await frameStarts(file, path);
    return {
      count: starts.length - 1,
      read(index) {
        const [start, next] = [starts[index]!, starts[index + 1]!];
        const bytes = next - start - headerBytes;
        if (scratch.length < bytes) scratch = Buffer.allocUnsafe(bytes);
        readSync(file.fd, scratch, 0, bytes, start + headerBytes);
        return decodeRecord(scratch.subarray(0, bytes), path, index);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** One record's data and checksum: a thread reads one at a time. */
let scratch = Buffer.alloc(0);

/** Of many small records, or the head of a large one. */
const pieceBytes = 256 * 1024;

/** Where each frame begins, and where the last one ends. */
async function frameStarts(file: FileHandle, name: string): Promise<number[]> {
  const { size } = await file.stat();
  const piece = Buffer.allocUnsafe(pieceBytes);
  const starts = [0];
  let pieceAt = 0;
  let pieceEnd = 0;
  for (let at = 0; at < size;) {
    if (at + headerBytes > pieceEnd) {
      pieceAt = at;
      pieceEnd = at + (await file.read(piece, 0, pieceBytes, at)).bytesRead;
    }
    const header = piece.subarray(at - pieceAt, pieceEnd - pieceAt);
    const length = readFrameLength(header, size - at, name, starts.length - 1);
    at += headerBytes + length + footerBytes;
    starts.push(at);
  }
  return starts;
}
