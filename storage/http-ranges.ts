/** Reads a web address by ranges, or whole into memory. */
import { NightshiftError } from '../contract/failures.ts';
import { plainBytes, refuseUnlessOk, retried } from './http-download.ts';
import type { DownloadOptions } from './http-download.ts';
import type { RangedSource } from './ranges.ts';

/** Undefined when the server gives no ranges, or does not say how long the file is. Throws `InvalidData`, `Unavailable` and `UnknownHost`. */
export async function openHttpRanges(
  address: string,
  options: DownloadOptions,
): Promise<RangedSource | undefined> {
  const facts = await retried(address, options, async (signal) => {
    const head = await fetch(address, { method: 'HEAD', headers: plainBytes, signal });
    if (head.ok) {
      const gives = head.headers.get('accept-ranges') === 'bytes';
      return { size: gives ? Number(head.headers.get('content-length')) : 0, etag: etagOf(head) };
    }
    // A presigned address is signed for GET alone.
    const range = { ...plainBytes, range: 'bytes=0-0' };
    const first = await fetch(address, { headers: range, signal });
    await first.body?.cancel();
    refuseUnlessOk(address, first);
    const size = Number(/\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1] ?? 0);
    return { size, etag: etagOf(first) };
  });
  if (facts.size === 0) return undefined;
  return {
    size: facts.size,
    read: (offset, length) => readRange(address, { offset, length }, facts.etag, options),
    close: async () => undefined,
  };
}

async function readRange(
  address: string,
  { offset, length }: { offset: number; length: number },
  etag: string | null,
  options: DownloadOptions,
): Promise<Uint8Array> {
  return retried(address, options, async (signal, alive) => {
    const range = `bytes=${offset}-${offset + length - 1}`;
    const answer = await fetch(address, { headers: { ...plainBytes, range }, signal });
    if (!answer.ok) await answer.body?.cancel();
    refuseUnlessOk(address, answer);
    if (answer.status !== 206 || etagOf(answer) !== etag) {
      await answer.body?.cancel();
      throw new NightshiftError('Unavailable', `${address}: it changed while it was read`);
    }
    const bytes = await collect(answer, length, alive);
    if (bytes.length < length) throw new Error(`got ${bytes.length} of ${length} bytes`);
    return bytes;
  });
}

/** A whole file; undefined when it has more than `maxBytes`. Throws `InvalidData`, `Unavailable` and `UnknownHost`. */
export async function readHttp(
  address: string,
  maxBytes: number,
  options: DownloadOptions,
): Promise<Uint8Array | undefined> {
  return retried(address, options, async (signal, alive) => {
    const answer = await fetch(address, { headers: plainBytes, signal });
    if (!answer.ok) await answer.body?.cancel();
    refuseUnlessOk(address, answer);
    const bytes = await collect(answer, maxBytes, alive);
    const length = Number(answer.headers.get('content-length') ?? bytes.length);
    if (length > maxBytes || bytes.length > maxBytes) return undefined;
    if (bytes.length < length) throw new Error(`got ${bytes.length} of ${length} bytes`);
    return bytes;
  });
}

/** The answer's bytes; what comes after the first one too many is not waited for. */
async function collect(answer: Response, wanted: number, alive: () => void): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body!) {
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
    alive();
    if (size > wanted) break;
  }
  return Buffer.concat(chunks);
}

const etagOf = ({ headers }: Response): string | null => headers.get('etag');
