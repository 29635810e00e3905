/** The composition root: what activities are given, from this process's settings. */
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataServices, ModelServices } from '../activities/services.ts';
import type { TrainMetrics } from '../activities/train-metrics.ts';
import { openTrainerHost } from '../activities/trainer-host.ts';
import { openUploads } from '../activities/uploads.ts';
import { gpuQueue } from '../contract/queues.ts';
import { shutdownGraceMs } from '../contract/timing.ts';
import { openCache } from '../storage/cache.ts';
import { checkConditionalWrites } from '../storage/conditional-writes.ts';
import { openProcessFolder } from '../storage/process-folder.ts';
import { openS3Store } from '../storage/s3.ts';
import type { Settings } from './settings.ts';

export const trainerScript = new URL(import.meta.resolve('./trainer.ts'));

/** Services, and how to let go of them. */
export type Opened<T> = T & { readonly close: () => Promise<void> };

export async function openDataServices(
  settings: Settings,
  { downloadThreads = false } = {},
): Promise<Opened<DataServices>> {
  const { bucket, endpoint, region, stateDirectory } = settings;
  const openBucket: DataServices['openBucket'] = (name) =>
    openS3Store({ bucket: name, endpoint, region });
  // A server of one's own has no bucket at first; in the cloud the deployment makes it.
  const store = await openS3Store({
    bucket,
    endpoint,
    region,
    createBucket: endpoint !== undefined,
    downloadThreads,
  });
  await checkConditionalWrites(store);
  const scratch = await openProcessFolder(join(stateDirectory, 'scratch'));
  await Promise.all(scratch.left.map(remove));
  const downloads = await openDownloads(join(stateDirectory, 'downloads'));
  const cache = await openCache({
    directory: join(stateDirectory, 'cache'),
    maxBytes: settings.cacheBytes,
  });
  return {
    store,
    openBucket,
    cache,
    scratch: scratch.path,
    downloads: downloads.path,
    webhook: settings.webhook,
    async close() {
      await cache.close();
      store.close();
      await remove(scratch.path);
      await downloads.close();
    },
  };
}

/** This process's folder for downloads, with what others that have ended did not finish. */
async function openDownloads(root: string): Promise<{ path: string; close(): Promise<void> }> {
  const { path, left } = await openProcessFolder(root);
  for (const folder of left) {
    for (const name of await readdir(folder).catch(() => [])) {
      // Two may have left the same one, and another process that starts now may be faster.
      await rename(join(folder, name), join(path, name)).catch(() => undefined);
    }
    await remove(folder);
  }
  // What is in it then was broken off, and is the next process's.
  return { path, close: () => rmdir(path).catch(() => undefined) };
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

export async function openModelServices(
  settings: Settings,
  metrics: TrainMetrics,
): Promise<Opened<ModelServices>> {
  const data = await openDataServices(settings, { downloadThreads: true });
  const { store, cache } = data;
  const trainer = openTrainerHost(trainerScript, (file, signal) =>
    cache.fetch(file, store, { signal }),
  );
  const uploads = openUploads();
  return {
    ...data,
    trainer,
    uploads,
    metrics,
    workerQueue: `${gpuQueue}-${randomUUID()}`,
    async close() {
      try {
        await trainer.close();
      } finally {
        await uploads.drained(shutdownGraceMs);
        await data.close();
      }
    },
  };
}
