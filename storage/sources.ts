/** Where data and weights come from: a path, `file:`, `http(s):`, `s3://bucket/key` or `npm:name@version`. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { access, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NightshiftError } from '../contract/failures.ts';
import { hashFile } from './hash.ts';
import { describeHttp, downloadHttp } from './http-download.ts';
import type { DownloadOptions } from './http-download.ts';
import { ObjectNotFound } from './store.ts';
import type { ObjectStore } from './store.ts';

export interface SourceOptions extends DownloadOptions {
  /** Opens the bucket of an `s3:` address, with the run's own endpoint and credentials. */
  readonly openBucket: (bucket: string) => Promise<ObjectStore>;
}

export interface SourceDescription {
  readonly address: string;
  readonly length?: number;
  readonly etag?: string;
  readonly lastModified?: string;
}

/**
 * What can be known of a source without reading it: equal descriptions with an `etag` or a
 * `lastModified` mean equal bytes. Throws `InvalidData` when there is nothing.
 */
export async function describeSource(
  address: string,
  options: SourceOptions,
): Promise<SourceDescription> {
  const place = parseAddress(address);
  switch (place.kind) {
    case 'npm': // a published version does not change
      return { address, etag: place.spec };
    case 'http':
      return { address, ...(await describeHttp(address, options)) };
    case 's3': {
      const store = await options.openBucket(place.bucket);
      const head = await store.head(place.key, options).finally(() => store.close());
      if (!head) throw missing(address);
      const lastModified = head.lastModified.toISOString();
      return { address, length: head.size, etag: head.etag, lastModified };
    }
    case 'file': {
      const facts = await regularFile(address, place.path);
      return { address, length: facts.size, lastModified: facts.mtime.toISOString() };
    }
  }
}

/**
 * Brings a source to the local file `path`, which is there only when it is whole and has the hash
 * asked for: `sha256` in hexadecimal, or `integrity` as npm writes it. Throws `InvalidData` when
 * the source is missing, refused, or another.
 */
export async function downloadSource(
  address: string,
  path: string,
  options: SourceOptions & {
    readonly sha256?: string | undefined;
    readonly integrity?: string | undefined;
  },
): Promise<{ size: number; sha256: string }> {
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  await bring(address, part, options);

  const { size, digest } = await hashFile(part);
  const sha256 = digest.toString('hex');
  try {
    expectHash(address, 'SHA-256', options.sha256, sha256);
    if (options.integrity !== undefined) {
      const sha512 = (await hashFile(part, 'sha512')).digest.toString('base64');
      expectHash(address, 'integrity', options.integrity, `sha512-${sha512}`);
    }
  } catch (error) {
    await rm(part);
    throw error;
  }
  await rename(part, path);
  return { size, sha256 };
}

async function bring(address: string, part: string, options: SourceOptions): Promise<void> {
  const place = parseAddress(address);
  switch (place.kind) {
    case 'npm':
      return packNpm(place.spec, part, options);
    case 'http':
      return downloadHttp(address, part, options);
    case 's3': {
      const store = await options.openBucket(place.bucket);
      const { signal, onProgress } = options;
      try {
        const total = (await store.head(place.key, options))?.size;
        await store.getToFile(place.key, part, {
          signal,
          onProgress: (bytes) => onProgress?.({ bytes, total }),
        });
        return;
      } catch (error) {
        if (error instanceof ObjectNotFound) throw missing(address, error);
        throw error;
      } finally {
        store.close();
      }
    }
    case 'file':
      await regularFile(address, place.path);
      return copyFile(place.path, part);
  }
}

/** What asking the file system again does not mend. */
const lastingProblems = new Set([
  'EACCES',
  'ELOOP',
  'ENAMETOOLONG',
  'EPERM',
  'ERR_INVALID_ARG_VALUE', // a zero byte in the path
]);

/** A device or a pipe would be read for ever. */
export async function regularFile(address: string, path: string): Promise<Stats> {
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw invalid(address, 'is a folder: give the path of a file');
    if (!facts.isFile()) throw invalid(address, 'is no regular file: give the path of one');
    await access(path, constants.R_OK);
    return facts;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw invalid(address, "there is no such file on the worker's machine", error);
    }
    if (!lastingProblems.has(code)) throw error;
    throw invalid(
      address,
      "the worker can't read it: let its user do so, or give another path",
      error,
    );
  }
}

export type Place =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http' }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'npm'; readonly spec: string };

export function parseAddress(address: string): Place {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(address)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      if (isAbsolute(address)) return { kind: 'file', path: address };
      throw invalid(
        address,
        'is neither a known name nor a whole path, and each worker would look for it in another folder: give the path from / on, or a file:, http(s):, s3: or npm: address',
      );
    case 'file':
      return { kind: 'file', path: pathOf(address) };
    case 'http':
    case 'https':
      if (URL.canParse(address) && new URL(address).username === '') return { kind: 'http' };
      throw invalid(address, 'an http address is http(s)://host/path, with no user and password');
    case 's3': {
      const match = /^s3:\/\/([^/]+)\/(.+)$/i.exec(address);
      if (!match) throw invalid(address, 'an s3 address is s3://bucket/key');
      return { kind: 's3', bucket: match[1]!, key: match[2]! };
    }
    case 'npm': {
      const match = /^npm:((?:@[\w.-]+\/)?[\w.][\w.-]*@\d[\w.+-]*)$/.exec(address);
      if (!match) throw invalid(address, 'an npm address is npm:name@version, the version exact');
      return { kind: 'npm', spec: match[1]! };
    }
    default:
      throw invalid(
        address,
        `no such scheme as ${scheme}: here; use a path, file, http(s), s3 or npm`,
      );
  }
}

function pathOf(address: string): string {
  try {
    return fileURLToPath(address);
  } catch (cause) {
    throw invalid(address, 'a file address is file:///path', cause);
  }
}

/** Through the npm client, so that the user's registry and credentials hold. */
async function packNpm(spec: string, part: string, options: SourceOptions): Promise<void> {
  const folder = await mkdtemp(`${part}-npm-`);
  try {
    const { signal } = options;
    const args = [
      'pack',
      spec,
      '--ignore-scripts',
      '--loglevel=error',
      '--pack-destination',
      folder,
    ];
    await promisify(execFile)('npm', args, { cwd: folder, ...(signal ? { signal } : {}) });
    const [archive] = await readdir(folder);
    await rename(join(folder, archive!), part);
  } catch (error) {
    options.signal?.throwIfAborted();
    const { code, stderr = '', message } = error as NodeJS.ErrnoException & { stderr?: string };
    const problem = `npm:${spec}: npm pack failed: ${stderr.trim() || message}`;
    // No such package or version, none for us, or no npm on this machine.
    const lasts = /\bE40[134]\b|ETARGET/.test(stderr) || code === 'ENOENT';
    throw new NightshiftError(lasts ? 'InvalidData' : 'Unavailable', problem);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function expectHash(address: string, what: string, expected: string | undefined, got: string) {
  if (expected === undefined || expected === got) return;
  throw invalid(address, `expected ${what} ${expected}, got ${got}`);
}

export const missing = (address: string, cause?: unknown): NightshiftError =>
  new NightshiftError('InvalidData', `${address}: there is no such object`, { cause });

const invalid = (address: string, problem: string, cause?: unknown): NightshiftError =>
  new NightshiftError('InvalidData', `${address}: ${problem}`, { cause });
