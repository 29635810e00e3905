/** A worker that trains over a trainer that computes nothing, and sets of shards that nobody reads. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelServices } from '../../activities/services.ts';
import { openUploads } from '../../activities/uploads.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { shardSetManifestSchema } from '../../contract/manifests.ts';
import { openCache } from '../../storage/cache.ts';
import { commitManifest } from '../../storage/commit.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { openFakeTrainer } from '../activities/fake-trainer.ts';
import type { FakeTrainer } from '../activities/fake-trainer.ts';
import { numerics } from './training-inputs.ts';
import { noMetrics } from './no-metrics.ts';

export type TrainingWorker = ModelServices & { readonly trainer: FakeTrainer };

/** `folder`: where it keeps files. It knows only what is in the store. */
export async function openTrainingWorker(
  store: ObjectStore,
  folder: string,
): Promise<TrainingWorker> {
  return {
    store,
    openBucket: async () => store,
    cache: await openCache({ directory: await mkdtemp(join(folder, 'cache-')), maxBytes: 1e6 }),
    scratch: await mkdtemp(join(folder, 'scratch-')),
    downloads: folder,
    trainer: openFakeTrainer(numerics),
    uploads: openUploads(),
    metrics: noMetrics,
    workerQueue: 'gpu',
  };
}

/** Seals the stage `digest` without any shard. */
export async function sealWithoutShards(store: ObjectStore, digest: string): Promise<void> {
  await commitManifest(store, stageManifestKey(digest), shardSetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'shards', attempt: 'test', files: [], shards: [] },
    ...{ digest, operation: 'test', parameters: {}, inputs: [] },
    ...{ classes: ['cat', 'dog'], samples: 1 },
  });
}
