/**
 * The shards of the window in hand and of the next one, open: asked for in the epoch's order, the
 * next window's once all of this one's are there, and let go of when the window has passed.
 */
import type { OrderWindow } from './order.ts';
import { openShardFile } from './shard-file.ts';
import type { ShardFile } from './shard-file.ts';

export type Shards = ReadonlyMap<number, ShardFile>;

export interface OpenWindows {
  /** The shards of a position's window. Positions only rise. Throws what went wrong with one of them. */
  at(position: number): Promise<Shards>;
  /** Closes all that is open. */
  close(): Promise<void>;
}

/** How a shard's file is had and given back. */
export interface ShardAccess {
  /** The path of its file, once it is there. */
  fetch(shard: number): Promise<string>;
  release(shard: number): void;
}

interface Window {
  readonly end: number;
  readonly shards: Promise<Shards>;
  close(): Promise<void>;
}

/** `windows`: those to come, in order; `samples`: of each shard. */
export function openWindows(
  windows: readonly OrderWindow[],
  samples: readonly number[],
  access: ShardAccess,
): OpenWindows {
  const left = [...windows];

  const openOne = async (shard: number): Promise<ShardFile> => {
    const path = await access.fetch(shard);
    const file = await openShardFile(path);
    if (file.count === samples[shard]) return file;
    await file.close();
    throw new Error(`shard ${path}: expected ${samples[shard]} samples, got ${file.count}`);
  };
  const openNext = (before: Promise<unknown>): Window | undefined => {
    const window = left.shift();
    if (!window) return undefined;
    const opening = before.then(() =>
      window.shards.map((shard) => [shard, openOne(shard)] as const),
    );
    const shards = opening.then(async (files) => {
      const opened = files.map(async ([shard, file]) => [shard, await file] as const);
      return new Map(await Promise.all(opened));
    });
    // Its failure is met when the window's turn comes.
    shards.catch(() => undefined);
    const close = async (): Promise<void> => {
      const files = await opening.catch(() => []);
      await Promise.all(
        files.map(async ([shard, file]) => {
          await file.then(
            (one) => one.close(),
            () => undefined,
          );
          access.release(shard);
        }),
      );
    };
    return { end: window.first + window.count, shards, close };
  };

  let current = openNext(Promise.resolve());
  let next = openNext(current?.shards ?? Promise.resolve());
  return {
    async at(position) {
      while (current && position >= current.end) {
        await current.close();
        current = next;
        next = openNext(current?.shards ?? Promise.resolve());
      }
      return current!.shards;
    },
    close: async () => {
      await Promise.all([current?.close(), next?.close()]);
    },
  };
}
