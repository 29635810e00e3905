/** A stage's shards as verified local files, for as long as they are worked on. */
import { inWindow } from '../contract/window.ts';
import type { LocalShard } from '../model/trainer-messages.ts';
import type { CachedFile } from '../storage/cache.ts';
import type { DataServices } from './services.ts';
import { readShardSet } from './stages.ts';

const fetchesAtOnce = 8;

/** Calls `work` with local copies of the shards of the stage `digest`, in order; of one part only when given. */
export async function withLocalShards<T>(
  { store, cache }: DataServices,
  digest: string,
  signal: AbortSignal,
  work: (shards: LocalShard[]) => Promise<T>,
  part?: number,
): Promise<T> {
  const { shards } = await readShardSet(store, digest);
  const held: CachedFile[] = [];
  try {
    const wanted = part === undefined ? shards : shards.slice(part, part + 1);
    const local = await inWindow(wanted, fetchesAtOnce, async (shard): Promise<LocalShard> => {
      const file = await cache.fetch(shard, store, { signal });
      held.push(file);
      return { path: file.path, samples: shard.samples };
    });
    return await work(local);
  } finally {
    await Promise.all(held.map((file) => file.release()));
  }
}
