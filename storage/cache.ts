/**
 * A bounded cache of stored files on local disk, by content. Processes of one machine may share
 * a directory: an entry is `files/<sha256>`, and whoever uses it holds a hard link of its own
 * under `in-use/`, so an entry in use has more than one link, and an evicted one stays readable.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rm, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredFile } from '../contract/manifests.ts';
import { hashFile } from './hash.ts';
import { openProcessFolder } from './process-folder.ts';
import { DamagedObject, ObjectNotFound } from './store.ts';
import type { CallOptions, ObjectStore } from './store.ts';

export interface FileCache {
  /**
   * The file on local disk, verified by SHA-256, downloaded once however many ask. Throws
   * `DamagedObject` when the store's bytes are gone or not the file's, and what the store throws.
   */
  fetch(file: StoredFile, store: ObjectStore, options?: CallOptions): Promise<CachedFile>;
  /** Releases all that is still held. */
  close(): Promise<void>;
}

/** To be read, not written: others read the same bytes. */
export interface CachedFile {
  /** This holder's own; gone after `release`. */
  readonly path: string;
  /** Lets the entry be evicted. */
  release(): Promise<void>;
}

/** Beyond `maxBytes` the least recently used entries go, but none that is in use. */
export async function openCache(settings: {
  readonly directory: string;
  readonly maxBytes: number;
}): Promise<FileCache> {
  const entries = join(settings.directory, 'files');
  await mkdir(entries, { recursive: true });
  const { path: own, left } = await openProcessFolder(join(settings.directory, 'in-use'));
  for (const held of left) await rm(held, { recursive: true, force: true });

  const downloads = new Map<string, Promise<string>>();
  const entryOf = (file: StoredFile): string => join(entries, file.sha256);

  async function fetch(
    file: StoredFile,
    store: ObjectStore,
    options: CallOptions = {},
  ): Promise<CachedFile> {
    for (;;) {
      options.signal?.throwIfAborted();
      const path = await holdEntry(file);
      if (path !== undefined) return holding(path);
      const other = downloads.get(file.sha256);
      if (!other) {
        const download = downloadEntry(file, store, options);
        downloads.set(file.sha256, download);
        return holding(await download.finally(() => downloads.delete(file.sha256)));
      }
      // Whether it succeeds the next round sees. Its failure is not ours: it may be its signal's.
      await other.catch(() => undefined);
    }
  }

  /** A link to the entry if it is there and whole; what is damaged is removed. */
  async function holdEntry(file: StoredFile): Promise<string | undefined> {
    const path = join(own, randomUUID());
    if (!(await linkIfThere(entryOf(file), path))) return undefined;
    if ((await hashFile(path)).digest.toString('hex') === file.sha256) {
      await touch(entryOf(file));
      return path;
    }
    await unlink(path);
    await rm(entryOf(file), { force: true });
    return undefined;
  }

  async function downloadEntry(
    file: StoredFile,
    store: ObjectStore,
    options: CallOptions,
  ): Promise<string> {
    const path = join(own, randomUUID());
    const { sha256 } = file;
    await store.getToFile(file.key, path, { ...options, sha256 }).catch((error: unknown) => {
      if (!(error instanceof ObjectNotFound)) throw error;
      // Whoever asks has it from a manifest.
      throw new DamagedObject({ bucket: store.bucket, key: file.key }, 'is missing');
    });
    await linkUnlessThere(path, entryOf(file));
    await makeRoom(entries, settings.maxBytes);
    return path;
  }

  return { fetch, close: () => rm(own, { recursive: true, force: true }) };
}

const holding = (path: string): CachedFile => ({
  path,
  release: () => rm(path, { force: true }),
});

/** Removes least recently used entries until at most `bytes` are left, or all left are in use. */
async function makeRoom(entries: string, bytes: number): Promise<void> {
  const found = [];
  for (const name of await readdir(entries)) {
    const path = join(entries, name);
    const facts = await stat(path).catch(ifMissing(undefined));
    if (facts) found.push({ path, size: facts.size, usedMs: facts.mtimeMs, links: facts.nlink });
  }
  let total = found.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size, links } of found.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (total <= bytes) return;
    if (links > 1) continue;
    await rm(path, { force: true });
    total -= size;
  }
}

async function linkIfThere(from: string, to: string): Promise<boolean> {
  return link(from, to).then(() => true, ifMissing(false));
}

async function linkUnlessThere(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
}

/** Marks an entry as used now; evicted since, it needs no mark. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(ifMissing(undefined));
}

/** A handler for a file that another process took away: `value` instead of the error. */
function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return value;
    throw error;
  };
}
