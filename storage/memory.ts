/** An object store in memory, for unit tests: the same contract as S3, held by the same suite. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { sha256Hex } from './hash.ts';
import { DamagedObject, ObjectNotFound, PreconditionFailed } from './store.ts';
import type { ObjectStore, PutOptions, TransferOptions } from './store.ts';

interface Entry {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly lastModified: Date;
}

export function openMemoryStore(bucket = 'memory'): ObjectStore {
  const entries = new Map<string, Entry>();

  function read(key: string, options: TransferOptions): Entry {
    options.signal?.throwIfAborted();
    const entry = entries.get(key);
    if (!entry) throw new ObjectNotFound({ bucket, key });
    options.onProgress?.(entry.bytes.length);
    return entry;
  }

  function write(key: string, bytes: Uint8Array, options: PutOptions & TransferOptions): Entry {
    options.signal?.throwIfAborted();
    const current = entries.get(key);
    if (options.ifNoneMatch !== undefined && current) {
      throw new PreconditionFailed({ bucket, key }, 'If-None-Match: *');
    }
    if (options.ifMatch !== undefined && options.ifMatch !== current?.etag) {
      throw new PreconditionFailed({ bucket, key }, `If-Match: ${options.ifMatch}`);
    }
    const copy = new Uint8Array(bytes); // a Buffer's slice() would share its memory
    const entry = { bytes: copy, etag: `"${randomUUID()}"`, lastModified: new Date() };
    entries.set(key, entry);
    options.onProgress?.(bytes.length);
    return entry;
  }

  return {
    bucket,
    async get(key, options = {}) {
      const { bytes, etag } = read(key, options);
      return { bytes: bytes.slice(), etag };
    },
    async getRange(key, { offset, length }, options = {}) {
      return read(key, options).bytes.slice(offset, offset + length);
    },
    async getToFile(key, path, options = {}) {
      const { bytes } = read(key, options);
      const sha256 = sha256Hex(bytes);
      if (options.sha256 !== undefined && options.sha256 !== sha256) {
        const problem = `expected SHA-256 ${options.sha256}, got ${sha256}`;
        throw new DamagedObject({ bucket, key }, problem);
      }
      const temporary = `${path}.${randomUUID()}.part`;
      await writeFile(temporary, bytes);
      await rename(temporary, path);
      return { size: bytes.length, sha256 };
    },
    async digest(key, options = {}) {
      const { bytes } = read(key, options);
      return { size: bytes.length, sha256: sha256Hex(bytes) };
    },
    async head(key, options = {}) {
      options.signal?.throwIfAborted();
      const entry = entries.get(key);
      if (!entry) return undefined;
      return { size: entry.bytes.length, etag: entry.etag, lastModified: entry.lastModified };
    },
    async put(key, bytes, options = {}) {
      return { etag: write(key, bytes, options).etag };
    },
    async putFile(key, path, options = {}) {
      const bytes = await readFile(path);
      const { etag } = write(key, bytes, options);
      return { size: bytes.length, sha256: sha256Hex(bytes), etag };
    },
    async *list(prefix, options = {}) {
      const now = [...entries]; // what is written while the caller reads on is not listed
      for (const [key, { bytes, etag, lastModified }] of now) {
        options.signal?.throwIfAborted();
        if (key.startsWith(prefix)) yield { key, size: bytes.length, etag, lastModified };
      }
    },
    async delete(keys, options = {}) {
      options.signal?.throwIfAborted();
      for (const key of keys) entries.delete(key);
    },
    async abortUploadsBefore() {
      return 0;
    },
    close() {},
  };
}
