/** TFRecord sets that other tools wrote: `image/encoded`, `image/class/label`, and what else they have of TensorFlow's names. */
import { basename } from 'node:path';
import { ByteReader } from '../../data/byte-reader.ts';
import { sideNamed } from '../../data/class-folders.ts';
import type { ClassOfImage } from '../../data/class-folders.ts';
import { decodeFeatures } from '../../data/example.ts';
import type { Features } from '../../data/example.ts';
import { readRecords } from '../../data/record-stream.ts';
import { invalid } from '../../data/archive.ts';
import { streamRanges } from '../../storage/ranges.ts';
import type { RangedSource } from '../../storage/ranges.ts';
import { maxFileBytes, tooLarge } from './source.ts';
import type { ImageSource, SourceFile } from './source.ts';

/** One file of a set. */
export interface RecordFile {
  readonly name: string;
  readonly size: number;
  open(): Promise<RangedSource>;
}

/** `train.tfrecord`, `train-00000-of-01024`, `flowers-train.tfrecord-00001-of-00008`. */
export const isRecordFile = (name: string): boolean =>
  /\.tfrec(ords?)?$|-\d{5}-of-\d{5}$/.test(name);

/** `files` in an order that holds. */
export function recordImages(files: readonly RecordFile[], identity: unknown): ImageSource {
  return {
    identity: { records: identity },
    totalBytes: files.reduce((sum, { size }) => sum + size, 0),
    async *files([firstFile = 0, from = 0]) {
      let before = files.slice(0, firstFile).reduce((sum, { size }) => sum + size, 0);
      for (const [index, file] of files.entries()) {
        if (index < firstFile) continue;
        const start = index === firstFile ? from : 0;
        for await (const record of imagesOf(file, start)) {
          const next = [index, record.next];
          yield { ...record, next, readBytes: before + record.next };
        }
        before += file.size;
      }
    },
  };
}

async function* imagesOf(
  file: RecordFile,
  from: number,
): AsyncGenerator<Omit<SourceFile, 'next'> & { next: number }> {
  const bytes = await file.open();
  const side = /^(.*[^a-z])?(train|val|validation|test)([^a-z].*)?$/i.exec(
    basename(file.name),
  )?.[2];
  try {
    let at = from;
    for await (const { data, next } of readRecords(
      new ByteReader(streamRanges(bytes, from), from),
      file.name,
    )) {
      // Where a record begins is known and stays; its number would have to be counted.
      const name = `${file.name}@${at}`;
      const image = imageOf(decodeFeatures(data), name);
      const content =
        image.encoded.length > maxFileBytes ? tooLarge(image.encoded.length) : image.encoded;
      const known = { class: image.class, side: side === undefined ? undefined : sideNamed(side) };
      yield { name, class: known, content, next, readBytes: next };
      at = next;
    }
  } finally {
    await bytes.close();
  }
}

function imageOf(
  { numbers, blobs }: Features,
  name: string,
): Pick<ClassOfImage, 'class'> & { encoded: Uint8Array } {
  const encoded = blobs.get('image/encoded');
  const label = numbers.get('image/class/label');
  const text = Buffer.from(blobs.get('image/class/text') ?? []).toString();
  if (encoded && (text !== '' || label !== undefined)) {
    return { encoded, class: text || String(label) };
  }
  const found = [...numbers.keys(), ...blobs.keys()].toSorted().join(', ');
  throw invalid(
    name,
    `has no 'image/encoded' with 'image/class/label' or 'image/class/text'; its features are ${found || 'none'}`,
  );
}
