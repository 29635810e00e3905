/** Reads a source by ranges: from anywhere, and in several pieces at once. */
import { open } from 'node:fs/promises';
import { NightshiftError } from '../contract/failures.ts';
import { openHttpRanges } from './http-ranges.ts';
import { missing, parseAddress, regularFile } from './sources.ts';
import type { SourceOptions } from './sources.ts';

export interface RangedSource {
  readonly size: number;
  /** Fewer than `length` bytes only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Pieces grow, and with them how far is read ahead: who looks at the beginning only moves little. */
const firstPieceBytes = 256 * 1024;
const maxPieceBytes = 8 * 1024 * 1024;
/** Hides the way to the server, in a bounded memory. */
const maxPiecesAhead = 4;

/** Undefined when the source can't be read so: it is to be downloaded first. Throws `InvalidData`. */
export async function openRanges(
  address: string,
  options: SourceOptions,
): Promise<RangedSource | undefined> {
  const place = parseAddress(address);
  switch (place.kind) {
    case 'npm':
      return undefined;
    case 'http':
      return openHttpRanges(address, options);
    case 's3': {
      const store = await options.openBucket(place.bucket);
      const head = await store.head(place.key, options);
      if (!head) {
        store.close();
        throw missing(address);
      }
      return {
        size: head.size,
        read: (offset, length) => store.getRange(place.key, { offset, length }, options),
        close: async () => store.close(),
      };
    }
    case 'file':
      await regularFile(address, place.path);
      return openFile(place.path);
  }
}

/** A local file. */
export async function openFile(path: string): Promise<RangedSource> {
  const file = await open(path);
  const { size } = await file.stat();
  return {
    size,
    async read(offset, length) {
      const bytes = Buffer.allocUnsafe(Math.min(length, Math.max(0, size - offset)));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
      return bytes.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** All bytes from `from` on, the next pieces under way while one is read. Throws `Unavailable` when there are fewer than there should be. */
export async function* streamRanges(source: RangedSource, from = 0): AsyncGenerator<Uint8Array> {
  const pieces: { length: number; bytes: Promise<Uint8Array> }[] = [];
  let next = from;
  let pieceBytes = firstPieceBytes;
  try {
    for (let ahead = 0; ; ahead = Math.min(ahead + 1, maxPiecesAhead)) {
      while (pieces.length <= ahead && next < source.size) {
        const length = Math.min(pieceBytes, source.size - next);
        const bytes = source.read(next, length);
        bytes.catch(() => undefined); // thrown when its turn comes
        pieces.push({ length, bytes });
        next += length;
        pieceBytes = Math.min(pieceBytes * 2, maxPieceBytes);
      }
      const piece = pieces.shift();
      if (!piece) return;
      const bytes = await piece.bytes;
      if (bytes.length < piece.length) {
        throw new NightshiftError('Unavailable', 'the source got shorter while it was read');
      }
      yield bytes;
    }
  } finally {
    await Promise.allSettled(pieces.map(({ bytes }) => bytes));
  }
}
