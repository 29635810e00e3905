/**
 * Shards: TFRecord files, a `tf.train.Example` a record. README.md has a worked example.
 * Source of the framing: tensorflow/core/lib/io/record_writer.cc.
 */
import { crc32c } from '@node-rs/crc32';
import { NightshiftError } from '../contract/failures.ts';
import { decodeExample, encodeExample } from './example.ts';
import type { ShardSample } from './example.ts';

export type { ShardSample } from './example.ts';

/** A shard's bytes, and what its manifest says of it. */
export interface EncodedShard {
  readonly bytes: Uint8Array;
  readonly samples: number;
  /** Samples of each class. */
  readonly labelCounts: readonly number[];
}

/** Frames of 8 bytes length, its 4 bytes checksum, the data, and its 4 bytes checksum; little-endian. */
export const headerBytes = 12;
export const footerBytes = 4;

/** The samples as one TFRecord file; equal samples give equal bytes. */
export function encodeShard(samples: readonly ShardSample[], classes: number): EncodedShard {
  const labelCounts = Array.from({ length: classes }, () => 0);
  for (const { label } of samples) labelCounts[label]! += 1;
  const frames = samples.flatMap(frameOf);
  return { bytes: Buffer.concat(frames), samples: samples.length, labelCounts };
}

/** A sample's record: its header, its data, their checksum. */
export function frameOf(sample: ShardSample): Uint8Array[] {
  const data = encodeExample(sample);
  const header = Buffer.alloc(headerBytes);
  header.writeBigUInt64LE(BigInt(data.length));
  header.writeUInt32LE(maskedChecksum(header.subarray(0, 8)), 8);
  const footer = Buffer.alloc(footerBytes);
  footer.writeUInt32LE(maskedChecksum(data));
  return [header, data, footer];
}

export interface ShardReader {
  readonly count: number;
  /** Record `index`; its image is a view of the shard's bytes, not a copy. */
  read(index: number): ShardSample;
}

/**
 * Checks every record's checksums and notes where it lies. Throws `DamagedObject`, naming `name`
 * and the record.
 */
export function openShard(bytes: Uint8Array, name: string): ShardReader {
  const shard = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const examples: Buffer[] = [];
  for (let at = 0; at < shard.length;) {
    const record = examples.length;
    const length = readFrameLength(shard.subarray(at), shard.length - at, name, record);
    at += headerBytes;
    const frame = shard.subarray(at, at + length + footerBytes);
    examples.push(checkedData(frame, name, record));
    at += frame.length;
  }
  return {
    count: examples.length,
    read: (index) => decodeExample(examples[index]!),
  };
}

/** Bytes of data of the record whose frame begins with `header`; `left` bytes are left of the shard `name`. */
export function readFrameLength(
  header: Buffer,
  left: number,
  name: string,
  record: number,
): number {
  if (left < headerBytes + footerBytes) {
    throw damaged(name, record, `the file ends after ${left} bytes`);
  }
  if (header.readUInt32LE(8) !== maskedChecksum(header.subarray(0, 8))) {
    throw damaged(name, record, 'the checksum of its length does not match');
  }
  const length = Number(header.readBigUInt64LE(0));
  if (length > left - headerBytes - footerBytes) {
    throw damaged(name, record, `expected ${length} bytes, but the file ends after ${left}`);
  }
  return length;
}

/** The sample of a frame without its header: data and their checksum, which is compared. */
export const decodeRecord = (frame: Buffer, name: string, record: number): ShardSample =>
  decodeExample(checkedData(frame, name, record));

function checkedData(frame: Buffer, name: string, record: number): Buffer {
  const data = frame.subarray(0, frame.length - footerBytes);
  if (frame.readUInt32LE(data.length) !== maskedChecksum(data)) {
    throw damaged(name, record, 'the checksum of its data does not match');
  }
  return data;
}

const damaged = (name: string, record: number, problem: string): NightshiftError =>
  new NightshiftError('DamagedObject', `shard ${name}: record ${record}: ${problem}`);

/** CRC32C, rotated and shifted, so that a checksum of data that holds checksums stays a good one. */
export function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
