/** TFRecord as it streams: records one after the other, of files of any size. */
import { NightshiftError } from '../contract/failures.ts';
import type { ByteReader } from './byte-reader.ts';
import { footerBytes, headerBytes, maskedChecksum } from './tfrecord.ts';

export interface StreamedRecord {
  readonly data: Buffer;
  /** Where the next record begins. */
  readonly next: number;
}

/** A record longer than this is no image: a length read from bytes that are something else. */
const maxRecordBytes = 1024 ** 3;

/** One record with its length and its checksums. */
export function frameRecord(data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(headerBytes + data.length + footerBytes);
  bytes.writeUInt32LE(data.length, 0);
  bytes.writeUInt32LE(maskedChecksum(bytes.subarray(0, 8)), 8);
  bytes.set(data, headerBytes);
  bytes.writeUInt32LE(maskedChecksum(data), headerBytes + data.length);
  return bytes;
}

/** The records from the reader's place on. Throws `InvalidData`, which names `what` and the place. */
export async function* readRecords(
  reader: ByteReader,
  what: string,
): AsyncGenerator<StreamedRecord> {
  for (;;) {
    const at = reader.position;
    const damaged = (problem: string): NightshiftError =>
      new NightshiftError('InvalidData', `${what}, record at byte ${at}: ${problem}`);
    const header = await reader.read(headerBytes);
    if (header.length === 0) return;
    if (header.length < headerBytes) throw damaged('the file ends within it: download it again');
    if (header.readUInt32LE(8) !== maskedChecksum(header.subarray(0, 8))) {
      throw damaged(
        'the checksum of its length does not match: the file is damaged, compressed, or no TFRecord',
      );
    }
    const length = Number(header.readBigUInt64LE(0));
    if (length > maxRecordBytes) throw damaged(`${length} bytes are too many for an image`);
    const body = await reader.read(length + footerBytes);
    if (body.length < length + footerBytes) {
      throw damaged('the file ends within it: download it again');
    }
    const data = body.subarray(0, length);
    if (body.readUInt32LE(length) !== maskedChecksum(data)) {
      throw damaged('the checksum of its data does not match: download it again');
    }
    yield { data, next: reader.position };
  }
}
