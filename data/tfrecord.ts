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
const headerBytes = 12;
const footerBytes = 4;

/** The samples as one TFRecord file; equal samples give equal bytes. */
export function encodeShard(samples: readonly ShardSample[], classes: number): EncodedShard {
  const labelCounts = Array.from({ length: classes }, () => 0);
  const examples = samples.map((sample) => {
    labelCounts[sample.label]! += 1;
    return encodeExample(sample);
  });
  const size = examples.reduce((sum, { length }) => sum + headerBytes + length + footerBytes, 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const example of examples) {
    bytes.writeUInt32LE(example.length, at);
    bytes.writeUInt32LE(0, at + 4);
    bytes.writeUInt32LE(maskedChecksum(bytes.subarray(at, at + 8)), at + 8);
    bytes.set(example, at + headerBytes);
    at += headerBytes + example.length;
    bytes.writeUInt32LE(maskedChecksum(example), at);
    at += footerBytes;
  }
  return { bytes, samples: samples.length, labelCounts };
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
  const damaged = (record: number, problem: string): NightshiftError =>
    new NightshiftError('DamagedObject', `shard ${name}: record ${record}: ${problem}`);

  for (let at = 0; at < shard.length;) {
    const record = examples.length;
    const left = shard.length - at;
    if (left < headerBytes + footerBytes)
      throw damaged(record, `the file ends after ${left} bytes`);
    if (shard.readUInt32LE(at + 8) !== maskedChecksum(shard.subarray(at, at + 8))) {
      throw damaged(record, 'the checksum of its length does not match');
    }
    const length = Number(shard.readBigUInt64LE(at));
    if (length > left - headerBytes - footerBytes) {
      throw damaged(record, `expected ${length} bytes, but the file ends after ${left}`);
    }
    const data = shard.subarray(at + headerBytes, at + headerBytes + length);
    at += headerBytes + length + footerBytes;
    if (shard.readUInt32LE(at - footerBytes) !== maskedChecksum(data)) {
      throw damaged(record, 'the checksum of its data does not match');
    }
    examples.push(data);
  }
  return {
    count: examples.length,
    read: (index) => decodeExample(examples[index]!),
  };
}

/** CRC32C, rotated and shifted, so that a checksum of data that holds checksums stays a good one. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
