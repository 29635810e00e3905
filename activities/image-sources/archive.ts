/** The files of a tar, tar.gz or zip, read by ranges: nothing of it lies on the local disk. */
import { createHash } from 'node:crypto';
import { invalid } from '../../data/archive.ts';
import type { ArchiveFile } from '../../data/archive.ts';
import { ByteReader } from '../../data/byte-reader.ts';
import { fileFormat } from '../../data/file-format.ts';
import { gunzip } from '../../data/gunzip.ts';
import { readTar } from '../../data/tar.ts';
import { readZip } from '../../data/zip.ts';
import { streamRanges } from '../../storage/ranges.ts';
import type { RangedSource } from '../../storage/ranges.ts';
import { contentOf, isUnusable } from './source.ts';
import type { Cursor, ImageSource, SourceFile } from './source.ts';

/** In messages. */
const what = "the dataset's archive";

export type ArchiveFormat = 'tar' | 'tar.gz' | 'zip';

/** By its first bytes. Throws `InvalidData` when it is none of those that are read. */
export async function archiveFormat(bytes: RangedSource): Promise<ArchiveFormat> {
  const start = Buffer.from(await bytes.read(0, 512));
  if (start.length === 0) throw invalid(what, 'is empty');
  const begins = (hex: string): boolean => start.toString('hex').startsWith(hex);
  if (begins('1f8b')) return 'tar.gz';
  if (begins('504b0304') || begins('504b0506')) return 'zip'; // a file's entry, or the empty table's
  if (start.toString('latin1', 257, 262) === 'ustar') return 'tar';
  throw invalid(what, 'is no tar, tar.gz or zip: give one, a folder, or a .csv or .jsonl manifest');
}

/** `identity`: of the archive. With `sha256` all its bytes are read, and hashed on the way. */
export function archiveImages(
  bytes: RangedSource,
  format: ArchiveFormat,
  identity: unknown,
  sha256: string | undefined,
): ImageSource {
  return {
    identity: { archive: identity },
    totalBytes: bytes.size,
    files: (from) => filesOf(bytes, format, from, sha256),
  };
}

async function* filesOf(
  bytes: RangedSource,
  format: ArchiveFormat,
  [from = 0]: Cursor,
  sha256: string | undefined,
): AsyncGenerator<SourceFile> {
  for await (const [file, readBytes] of openArchive(bytes, format, from, sha256)) {
    const content = await contentOf(file);
    yield { name: file.name, content, next: [file.next], readBytes: readBytes() };
  }
}

/** Its files, and of each how much of the archive has been read. */
export async function* openArchive(
  bytes: RangedSource,
  format: ArchiveFormat,
  from: number,
  sha256?: string,
): AsyncGenerator<readonly [ArchiveFile, () => number]> {
  if (format === 'zip') {
    if (sha256 !== undefined) for await (const _ of checked(streamRanges(bytes), sha256));
    let unpacked = 0;
    for await (const file of readZip(bytes, what, from)) {
      unpacked += file.size;
      yield [file, () => Math.min(unpacked, bytes.size)];
    }
    return;
  }
  // A plain tar is entered anywhere; a packed one, and one to be hashed, is read from its beginning.
  const start = format === 'tar' && sha256 === undefined ? from : 0;
  let packed = start;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of checked(streamRanges(bytes, start), sha256)) {
      packed += piece.length;
      yield piece;
    }
  };
  const stream = format === 'tar.gz' ? gunzip(counted(), what) : counted();
  const reader = new ByteReader(stream, start);
  try {
    await reader.skip(from - start);
    const readBytes = (): number => (format === 'tar' ? reader.position : packed);
    for await (const file of readTar(reader, what)) yield [file, readBytes];
    await reader.skip(Infinity); // the rest counts in the hash, and may show that the archive is damaged
  } finally {
    await reader.close();
  }
}

/** Whether it holds CIFAR's batch files: known by the first file that is one of them, or an image. */
export async function isCifarArchive(bytes: RangedSource, format: ArchiveFormat): Promise<boolean> {
  for await (const [file] of openArchive(bytes, format, 0)) {
    if (cifarFile.test(file.name)) return true;
    const content = await contentOf(file);
    if (!isUnusable(content) && fileFormat(content)) return false;
  }
  return false;
}

const cifarFile = /\.bin$|(?:^|\/)(?:batches\.meta|fine_label_names)\.txt$/;

/** The same bytes; throws `InvalidData` after the last when they are not those of the hash. */
export async function* checked(
  stream: AsyncIterable<Uint8Array>,
  sha256: string | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of stream) {
    if (sha256 !== undefined) hash.update(piece);
    yield piece;
  }
  const got = sha256 === undefined ? undefined : hash.digest('hex');
  if (got !== sha256)
    throw invalid(what, `has another hash: expected SHA-256 ${sha256}, got ${got}`);
}
