/** The canonical files of an ingested dataset, read one after the other through the local cache. */
import { readFile } from 'node:fs/promises';
import type { StoredFile } from '../contract/manifests.ts';
import type { DataServices } from './services.ts';

/** Verified bytes, a file at a time: memory holds one. */
export async function* readSourceFiles(
  { store, cache }: DataServices,
  files: readonly StoredFile[],
  signal: AbortSignal,
): AsyncGenerator<{ name: string; bytes: Uint8Array }> {
  for (const file of files) {
    const local = await cache.fetch(file, store, { signal });
    try {
      yield { name: file.name, bytes: await readFile(local.path) };
    } finally {
      await local.release();
    }
  }
}
