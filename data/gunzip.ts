/** Unpacks gzip as it streams. */
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { invalid, refuseBomb } from './archive.ts';

/** Throws `InvalidData`, which says of `what` what is wrong with it, and what the stream throws. */
export async function* gunzip(
  stream: AsyncIterable<Uint8Array>,
  what: string,
): AsyncGenerator<Uint8Array> {
  const size = { in: 0, out: 0 };
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of stream) {
      size.in += piece.length;
      yield piece;
    }
  };
  const unpacked = createGunzip();
  // The loop below throws what goes wrong on the way.
  pipeline(Readable.from(counted(), { objectMode: false }), unpacked, () => undefined);
  try {
    for await (const piece of unpacked) {
      size.out += (piece as Buffer).length;
      refuseBomb(what, size.in, size.out);
      yield piece as Buffer;
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw error;
    if (code === 'Z_BUF_ERROR') throw invalid(what, 'is cut short: download it again', error);
    throw invalid(what, `is damaged (${message}): download it again`, error);
  }
}
