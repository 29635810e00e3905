/** A stage's shards for those who read them: one as a verified local file, or all as the trainer takes them. */
import { NightshiftError } from '../contract/failures.ts';
import type { LocalShard, StoredShard } from '../model/trainer-messages.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { DataServices } from './services.ts';
import { readShardSet } from './stages.ts';

/** Calls `work` with a local copy of shard `part` of the stage `digest`, there for as long as it works. */
export async function withLocalShard<T>(
  { store, cache }: DataServices,
  digest: string,
  part: number,
  signal: AbortSignal,
  work: (shard: LocalShard) => Promise<T>,
): Promise<T> {
  const { shards } = await readShardSet(store, digest);
  const shard = shards[part]!;
  const file = await cache.fetch(shard, store, { signal });
  try {
    return await work({ path: file.path, samples: shard.samples });
  } finally {
    await file.release();
  }
}

/** The shards of the stage `digest`, in order: the trainer has their files brought as it reads them. */
export async function storedShards(store: ObjectStore, digest: string): Promise<StoredShard[]> {
  const { shards } = await readShardSet(store, digest);
  return shards.map(({ name, key, size, sha256, samples }) => ({
    ...{ name, key, size, sha256 },
    samples,
  }));
}

/** Whether it says that a stored object is gone or damaged: here, or in the trainer, which tells by its type alone. */
export const isOfDamage = (error: unknown): error is NightshiftError =>
  error instanceof NightshiftError && error.type === 'DamagedObject';
