/** Reads tar.gz archives into memory. */
import { basename } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { NightshiftError } from '../contract/failures.ts';

/**
 * The files whose base name is wanted, by that name. Throws `InvalidData`, which says of `what`
 * (a noun) what is wrong with it.
 */
export async function readTarGz(
  stream: NodeJS.ReadableStream,
  what: string,
  wanted: (name: string) => boolean,
): Promise<Map<string, Uint8Array>> {
  const entries = new Map<string, Uint8Array>();
  const tar = extract();
  const read = async (): Promise<void> => {
    for await (const entry of tar) {
      const name = basename(entry.header.name);
      if (entry.header.type !== 'file' || !wanted(name)) {
        entry.resume();
        continue;
      }
      if (entries.has(name)) throw invalid(what, `has two files named '${name}'`);
      entries.set(name, await buffer(entry));
    }
  };
  try {
    await Promise.all([pipeline(stream, createGunzip(), tar), read()]);
  } catch (error) {
    throw error instanceof NightshiftError ? error : unreadable(what, error);
  }
  return entries;
}

function unreadable(what: string, cause: unknown): unknown {
  const { code, message, syscall } = cause as NodeJS.ErrnoException;
  if (syscall) return cause; // the disk's fault, not the archive's
  if (code === 'Z_BUF_ERROR' || /unexpected end/i.test(message)) {
    return invalid(what, 'is cut short: download it again', cause);
  }
  if (code === 'Z_DATA_ERROR' && /header/.test(message)) {
    return invalid(what, 'is not a gzip file: a .tar.gz is wanted', cause);
  }
  if (code?.startsWith('Z_'))
    return invalid(what, `is damaged (${message}): download it again`, cause);
  if (/tar/i.test(message)) return invalid(what, 'holds no tar: a .tar.gz is wanted', cause);
  return invalid(what, `can't be read: ${message}`, cause);
}

const invalid = (what: string, problem: string, cause?: unknown): NightshiftError =>
  new NightshiftError('InvalidData', `${what} ${problem}`, { cause });
