/** Rows of a list of samples, and the images that they name. */
import { open } from 'node:fs/promises';
import type { DatasetManifest, StoredFile } from '../contract/manifests.ts';
import { inWindow } from '../contract/window.ts';
import { sha256 } from '../data/digest.ts';
import { pagesOf, parsePage, rowsPerPage } from '../data/sample-list.ts';
import type { Sample } from '../data/sample-list.ts';
import { readFileOf } from '../storage/commit.ts';
import { DamagedObject } from '../storage/store.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { DataServices } from './services.ts';

/** Up to here, to have packs on the local disk costs less than a request an image. */
const smallBytes = 256 * 1024 * 1024;
const imagesAtOnce = 16;

/** Rows `first` to `first + count` of a list among a manifest's files; no page but theirs is read. */
export async function readRows(
  store: ObjectStore,
  files: readonly StoredFile[],
  list: string,
  { first, count }: { readonly first: number; readonly count: number },
): Promise<Sample[]> {
  const rows: Sample[] = [];
  for (const page of pagesOf(files, list, first, count)) {
    for (const row of parsePage(await readFileOf(store, page))) rows.push(row);
  }
  const skipped = first % rowsPerPage;
  return rows.slice(skipped, skipped + count);
}

/**
 * What `use` makes of each sample's own bytes, in the order of `rows`. Throws `DamagedObject` when
 * they are not those of the sample's SHA-256. Memory holds a few images, not a pack.
 */
export async function readSamples<T>(
  { store, cache }: DataServices,
  dataset: DatasetManifest,
  rows: readonly Sample[],
  signal: AbortSignal,
  use: (sample: Sample, bytes: Uint8Array) => Promise<T>,
): Promise<T[]> {
  const packs = new Map(dataset.files.map((file) => [file.name, file]));
  const checked = (sample: Sample, bytes: Uint8Array): Promise<T> => {
    const got = sha256(bytes);
    if (got === sample.sha256) return use(sample, bytes);
    const { key } = packs.get(sample.file)!;
    throw new DamagedObject(
      { bucket: store.bucket, key },
      `image ${sample.id}, ${sample.length} bytes from byte ${sample.offset} on: expected SHA-256 ${sample.sha256}, got ${got}`,
    );
  };

  if (dataset.files.reduce((sum, { size }) => sum + size, 0) > smallBytes) {
    return inWindow(rows, imagesAtOnce, async (sample) => {
      const { key } = packs.get(sample.file)!;
      return checked(sample, await store.getRange(key, sample, { signal }));
    });
  }
  const results: T[] = [];
  for (const [name, pack] of packs) {
    const wanted = [...rows.entries()].filter(([, { file }]) => file === name);
    if (wanted.length === 0) continue;
    const local = await cache.fetch(pack, store, { signal });
    try {
      await using file = await open(local.path);
      await inWindow(wanted, imagesAtOnce, async ([index, sample]) => {
        signal.throwIfAborted();
        const { buffer } = await file.read({
          buffer: Buffer.alloc(sample.length),
          position: sample.offset,
        });
        results[index] = await checked(sample, buffer);
      });
    } finally {
      await local.release();
    }
  }
  return results;
}
