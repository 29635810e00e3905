/** What archives have in common: the files in them, and what is refused whatever the format. */
import { NightshiftError } from '../contract/failures.ts';

/** A file of an archive. Its name says what it is called there: never a path or a key of ours. */
export interface ArchiveFile {
  readonly name: string;
  readonly size: number;
  /** Where reading the archive goes on to come to the next file. */
  readonly next: number;
  /** Its bytes as they come; only until the next file is asked for, and only once. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

/** More bytes out of an archive than this for each that went in: nothing made of images is like that. */
const maxRatio = 100;
/** A small archive may be empty pages and text. */
const freeBytes = 64 * 1024 * 1024;

/** Throws `InvalidData` when `out` bytes came out of `in` bytes: a decompression bomb would fill any store. */
export function refuseBomb(what: string, inBytes: number, outBytes: number): void {
  if (outBytes <= freeBytes || outBytes <= inBytes * maxRatio) return;
  throw invalid(
    what,
    `unpacks to more than ${maxRatio} times its size (${outBytes} bytes from ${inBytes}): no archive of images does`,
  );
}

/**
 * The name as it is shown, without the `./` in front. Throws `InvalidData` on one that leads out
 * of the folder it would be unpacked to.
 */
export function checkedName(what: string, raw: string): string {
  const name = raw.replace(/^(\.\/+)+/, '');
  const leadsOut =
    name.startsWith('/') || /^[a-z]:[\\/]/i.test(name) || name.split(/[\\/]/).includes('..');
  if (leadsOut) {
    throw invalid(what, `has a file named '${raw}', which leads out of its folder: make it anew`);
  }
  return name;
}

/** What systems put beside the files: hidden files, and the folder that macOS adds. */
export const isPassedOver = (name: string): boolean =>
  name.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');

/** Says of `what` (a noun) what is wrong with it. */
export const invalid = (what: string, problem: string, cause?: unknown): NightshiftError =>
  new NightshiftError('InvalidData', `${what} ${problem}`, { cause });
