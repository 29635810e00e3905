/** The composition root: what activities are given, from this process's settings. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataServices, ModelServices } from '../activities/services.ts';
import { openTrainerHost } from '../activities/trainer-host.ts';
import { openUploads } from '../activities/uploads.ts';
import { openCache } from '../storage/cache.ts';
import { openS3Store } from '../storage/s3.ts';
import type { Settings } from './settings.ts';

/** Services, and how to let go of them. */
export type Opened<T> = T & { close(): Promise<void> };

export async function openDataServices(settings: Settings): Promise<Opened<DataServices>> {
  const { bucket, endpoint, region, stateDirectory } = settings;
  const openBucket: DataServices['openBucket'] = (name) =>
    openS3Store({ bucket: name, endpoint, region });
  // A server of one's own has no bucket at first; in the cloud the deployment makes it.
  const store = await openS3Store({
    bucket,
    endpoint,
    region,
    createBucket: endpoint !== undefined,
  });
  const scratchRoot = join(stateDirectory, 'scratch');
  await mkdir(scratchRoot, { recursive: true });
  const cache = await openCache({
    directory: join(stateDirectory, 'cache'),
    maxBytes: settings.cacheBytes,
  });
  return {
    store,
    openBucket,
    cache,
    scratch: await mkdtemp(join(scratchRoot, `${process.pid}-`)),
    async close() {
      await cache.close();
      store.close();
    },
  };
}

export async function openModelServices(settings: Settings): Promise<Opened<ModelServices>> {
  const data = await openDataServices(settings);
  const trainer = openTrainerHost(new URL(import.meta.resolve('./trainer.ts')));
  return {
    ...data,
    trainer,
    uploads: openUploads(),
    async close() {
      trainer.close();
      await data.close();
    },
  };
}
