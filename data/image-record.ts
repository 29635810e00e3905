/** Records of a dataset's packs: an image file as it came, and what is known of it. */
import { decodeFeatures, encodeFeatures } from './example.ts';
import type { FileFormat } from './file-format.ts';
import { frameRecord } from './record-stream.ts';
import { headerBytes } from './tfrecord.ts';
import type { ClassOfImage } from './class-folders.ts';

export interface ImageRecord extends ClassOfImage {
  readonly id: string;
  readonly format: FileFormat;
  /** The file's own bytes. */
  readonly encoded: Uint8Array;
}

/**
 * A `tf.train.Example` with the features that TensorFlow's own tools use. The class is there by
 * name: its number follows from all names, and those are known once the last image has come.
 */
export function encodeImageRecord(record: ImageRecord): {
  readonly bytes: Buffer;
  /** Where in them the file's own bytes begin. */
  readonly encodedAt: number;
} {
  const text = (value: string): Uint8Array => Buffer.from(value);
  const data = encodeFeatures({
    'image/class/text': text(record.class),
    'image/encoded': record.encoded,
    'image/format': text(record.format),
    'image/id': text(record.id),
    ...(record.group !== undefined && { 'image/group': text(record.group) }),
    ...(record.side !== undefined && { 'image/side': text(record.side) }),
  });
  const { byteOffset } = decodeFeatures(data).blobs.get('image/encoded')!;
  return { bytes: frameRecord(data), encodedAt: headerBytes + byteOffset - data.byteOffset };
}
