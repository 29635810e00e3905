/** Downloads over HTTP that go on where they broke off, also in another process. */
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { NightshiftError } from '../contract/failures.ts';
import { backoff } from './backoff.ts';

/** Bytes on disk, and in all where the source says it. */
export interface DownloadProgress {
  readonly bytes: number;
  readonly total: number | undefined;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** The longest silence before a connection is given up. */
  readonly silenceMs?: number | undefined;
}

/** Tries in a row that bring no byte. */
const fruitlessTries = 6;
const defaultSilenceMs = 30_000;

/** What a source says of itself without its bytes. Throws `InvalidData`, `Unavailable` and `UnknownHost`. */
export async function describeHttp(
  address: string,
  options: DownloadOptions = {},
): Promise<{ length?: number; etag?: string; lastModified?: string }> {
  const { headers } = await retried(address, options, async (signal) => {
    const ask = (method: string) => fetch(address, { method, headers: plainBytes, signal });
    let answer = await ask('HEAD');
    // A presigned address is signed for GET alone, and some servers know no HEAD.
    if (!answer.ok) answer = await ask('GET');
    await answer.body?.cancel(); // unread, it would hold its connection
    refuseUnlessOk(address, answer);
    return answer;
  });
  const length = headers.get('content-length');
  const etag = headers.get('etag');
  const lastModified = headers.get('last-modified');
  return {
    ...(length === null ? {} : { length: Number(length) }),
    ...(etag === null ? {} : { etag }),
    ...(lastModified === null ? {} : { lastModified }),
  };
}

/**
 * Brings all of `address` to the file `part`. What is already there is kept if the server can go on
 * from it (`<part>.json` holds the validator it came with), else it begins anew. Only one caller
 * at a time may write to a `part`. Throws `InvalidData`, `Unavailable` and `UnknownHost`.
 */
export async function downloadHttp(
  address: string,
  part: string,
  options: DownloadOptions = {},
): Promise<void> {
  const validatorFile = `${part}.json`;
  await retried(address, options, async (signal, alive) => {
    const have = (await stat(part).catch(() => undefined))?.size ?? 0;
    const validator = have > 0 ? await readValidator(validatorFile, address) : undefined;
    const answer = await fetch(address, {
      headers: {
        ...plainBytes,
        ...(validator === undefined ? {} : { range: `bytes=${have}-`, 'if-range': validator }),
      },
      signal,
    });
    if (answer.status === 416) await rm(part, { force: true }); // more here than there
    if (!answer.ok) await answer.body?.cancel();
    refuseUnlessOk(address, answer);

    const goesOn = answer.headers.get('content-range')?.startsWith(`bytes ${have}-`) ?? false;
    let size = goesOn ? have : 0;
    const length = answer.headers.get('content-length');
    const total = length === null ? undefined : size + Number(length);
    if (!goesOn) await writeValidator(validatorFile, address, answer);
    await using file = await open(part, goesOn ? 'a' : 'w');
    for await (const chunk of answer.body!) {
      await file.writeFile(chunk);
      alive();
      size += chunk.length;
      options.onProgress?.({ bytes: size, total });
    }
    if (total !== undefined && size !== total) throw new Error(`got ${size} of ${total} bytes`);
  });
  await rm(validatorFile, { force: true });
}

/** Bytes as they are stored: an encoding would change their length and their hash. */
export const plainBytes = { 'accept-encoding': 'identity' };

/** 416 too: what it refused is deleted by then. */
const passingStatuses = new Set([408, 416, 425, 429]);

/** `InvalidData` for an answer that will stay, a plain error for one that passes. */
export function refuseUnlessOk(address: string, { ok, status, statusText }: Response): void {
  if (ok) return;
  const answer = `HTTP ${status} ${statusText}`.trim();
  if (status >= 500 || passingStatuses.has(status)) throw new Error(answer);
  const remedy =
    status === 401 || status === 403
      ? 'give one that needs no login, or a presigned one that has not run out'
      : 'give one that is there';
  throw new NightshiftError('InvalidData', `${address}: the server answers ${answer}: ${remedy}`);
}

/** Tries until it works, or brings nothing too often; `alive` says that bytes came. */
export async function retried<T>(
  address: string,
  options: DownloadOptions,
  attempt: (signal: AbortSignal, alive: () => void) => Promise<T>,
): Promise<T> {
  const silenceMs = options.silenceMs ?? defaultSilenceMs;
  for (let tries = 1; ; tries += 1) {
    const silence = new AbortController();
    const timer = setTimeout(() => {
      silence.abort(new Error(`silent for ${silenceMs / 1000} s`));
    }, silenceMs);
    const alive = () => {
      timer.refresh();
      tries = 0;
    };
    const signals = [silence.signal, ...(options.signal ? [options.signal] : [])];
    try {
      return await attempt(AbortSignal.any(signals), alive);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof NightshiftError || isLocal(error)) throw error;
      if (tries >= fruitlessTries) throw unanswered(address, error);
    } finally {
      clearTimeout(timer);
    }
    await backoff(tries, options.signal);
  }
}

function unanswered(address: string, error: unknown): NightshiftError {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  const isUnknown = code === 'ENOTFOUND';
  const remedy = isUnknown ? `; is '${new URL(address).hostname}' spelled right?` : '';
  return new NightshiftError(
    isUnknown ? 'UnknownHost' : 'Unavailable',
    `${address}: no answer after ${fruitlessTries} tries (${reason(error)})${remedy}`,
  );
}

/** Of the local disk: asking the server again does not help. */
const isLocal = (error: unknown): boolean => {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === 'open' || syscall === 'write';
};

/** `fetch` says no more than "fetch failed"; the cause knows. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

async function readValidator(path: string, address: string): Promise<string | undefined> {
  try {
    const saved = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
    return saved['address'] === address ? saved['validator'] : undefined;
  } catch {
    return undefined; // lost or half-written: begin anew
  }
}

/** A weak ETag does not promise the same bytes. */
async function writeValidator(path: string, address: string, answer: Response): Promise<void> {
  const etag = answer.headers.get('etag');
  const strong = etag?.startsWith('W/') ? null : etag;
  const validator = strong ?? answer.headers.get('last-modified') ?? undefined;
  await writeFile(path, JSON.stringify({ address, validator }));
}
