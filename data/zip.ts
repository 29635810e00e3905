/** Reads a zip by ranges: its table of files stands at the end. */
import { crc32 } from '@node-rs/crc32';
import { Readable } from 'node:stream';
import { RandomAccessReader, fromRandomAccessReaderPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { NightshiftError } from '../contract/failures.ts';
import { checkedName, invalid, isPassedOver, refuseBomb } from './archive.ts';
import type { ArchiveFile } from './archive.ts';

/** Bytes of a source by their place; fewer at its end. */
export interface RangedBytes {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Small reads are served from pieces of this size, one read ahead: files stand one after the other. */
const pieceBytes = 4 * 1024 * 1024;
/** Of the table at the end and of the files, two each, and one more that is read ahead. */
const piecesKept = 5;
const fileTypeMask = 0o170000;
const fileTypes: Readonly<Record<number, string>> = {
  0o120000: 'a symbolic link',
  0o060000: 'a device',
  0o020000: 'a device',
  0o010000: 'a pipe',
};

/**
 * The files in the order of the archive's table, from number `from` on (a file's `next`). Hidden
 * files are passed over. Throws `InvalidData`, which says of `what` what is wrong with it.
 */
export async function* readZip(
  source: RangedBytes,
  what: string,
  from = 0,
): AsyncGenerator<ArchiveFile> {
  const fault: { error?: unknown } = {};
  const zip = await fromRandomAccessReaderPromise(new PiecesReader(source, fault), source.size, {
    autoClose: false,
  }).catch((error: unknown) => {
    throw unreadable(what, error, fault);
  });
  try {
    let number = 0;
    let unpacked = 0;
    for await (const entry of zip.eachEntry()) {
      number += 1;
      const name = checkedName(what, entry.fileName);
      const { uncompressedSize: size } = entry;
      const kind = fileTypes[(entry.externalFileAttributes >>> 16) & fileTypeMask];
      if (kind) {
        throw invalid(what, `has ${kind}, '${name}': make it anew of the files themselves`);
      }
      if (entry.isEncrypted()) {
        throw invalid(what, `is encrypted ('${name}'): make it anew without a password`);
      }
      // Their tables may name the same bytes again and again.
      unpacked += size;
      refuseBomb(what, source.size, unpacked);
      if (number <= from || name.endsWith('/') || isPassedOver(name)) continue;
      yield { name, size, next: number, bytes: () => unpack(zip, entry, what, fault) };
    }
  } catch (error) {
    throw unreadable(what, error, fault);
  } finally {
    zip.close();
  }
}

async function* unpack(
  zip: ZipFile,
  entry: Entry,
  what: string,
  fault: { error?: unknown },
): AsyncGenerator<Uint8Array> {
  let checksum = 0;
  try {
    for await (const piece of await zip.openReadStreamPromise(entry)) {
      checksum = crc32(piece as Buffer, checksum);
      yield piece as Buffer;
    }
  } catch (error) {
    throw unreadable(what, error, fault);
  }
  if (checksum !== entry.crc32) {
    throw invalid(what, `is damaged: the checksum of '${entry.fileName}' does not match`);
  }
}

/** A fault of the source itself is thrown as it came: it may pass. */
function unreadable(what: string, error: unknown, fault: { error?: unknown }): unknown {
  if (fault.error !== undefined) return fault.error;
  if (error instanceof NightshiftError) return error;
  return invalid(what, `can't be read as a zip: ${(error as Error).message}`, error);
}

class PiecesReader extends RandomAccessReader {
  readonly #source: RangedBytes;
  readonly #fault: { error?: unknown };
  /** By their number; the last used stand last. */
  readonly #pieces = new Map<number, Promise<Uint8Array>>();

  constructor(source: RangedBytes, fault: { error?: unknown }) {
    super();
    this.#source = source;
    this.#fault = fault;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#range(start, end), { objectMode: false });
  }

  async *#range(start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end;) {
      const first = Math.floor(at / pieceBytes) * pieceBytes;
      const piece = await this.#piece(first);
      const part = piece.subarray(at - first, end - first);
      if (part.length === 0) return;
      yield part;
      at += part.length;
    }
  }

  #piece(first: number): Promise<Uint8Array> {
    const piece = this.#fetch(first);
    if (first + pieceBytes < this.#source.size) void this.#fetch(first + pieceBytes);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= piecesKept) break;
      this.#pieces.delete(oldest);
    }
    return piece;
  }

  #fetch(first: number): Promise<Uint8Array> {
    const piece = this.#pieces.get(first) ?? this.#source.read(first, pieceBytes);
    piece.catch((error: unknown) => (this.#fault.error = error));
    this.#pieces.delete(first);
    this.#pieces.set(first, piece);
    return piece;
  }
}
