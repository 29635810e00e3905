/** What data activities are given, over a store in memory and an empty folder. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Step } from '../../activities/durable.ts';
import type { DataServices } from '../../activities/services.ts';
import { openCache } from '../../storage/cache.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';

export async function openTestServices(
  store: ObjectStore = openMemoryStore(),
): Promise<DataServices & { remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-data-'));
  const [scratch, downloads] = [join(folder, 'scratch'), join(folder, 'downloads')];
  await Promise.all([mkdir(scratch), mkdir(downloads)]);
  return {
    store,
    openBucket: async () => store,
    cache: await openCache({ directory: join(folder, 'cache'), maxBytes: 1e9 }),
    scratch,
    downloads,
    remove: () => rm(folder, { recursive: true }),
  };
}

/** A step that nobody cancels, or `signal` does. */
export const testStep = (signal = new AbortController().signal): Step => ({
  signal,
  attempt: randomUUID(),
  report: () => undefined,
});

export async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}
