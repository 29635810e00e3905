/** Saved states on their way to the store, in order, while training goes on. */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SavedCheckpoint } from '../model/checkpoint.ts';

/** The newest checkpoint of a run that is in the store, and when it came there (epoch milliseconds). */
export interface Durable {
  readonly lineage: string;
  readonly step: number;
  readonly at: number;
}

export interface Uploads {
  /** Queues a saved state, behind those that are held; its directory is deleted once it is in the store. */
  add(saved: SavedCheckpoint, commit: () => Promise<void>): void;
  /**
   * Holds a saved state back until the next one is added, or all of the run is to be settled. Of
   * those held before, the ones that are not kept any more are thrown away.
   */
  hold(
    saved: SavedCheckpoint,
    commit: () => Promise<void>,
    isKept: (step: number) => boolean,
  ): void;
  /** The runs of which states are held back. */
  holding(): string[];
  /** Throws away what is held back of a run. */
  drop(run: string): void;
  /** Resolves once at most `most` states of the run still wait; tries again what failed, and throws when it fails again. */
  settled(run: string, most?: number): Promise<void>;
  durable(run: string): Durable | undefined;
  /** Seconds since a checkpoint of the run became durable, or since this was first asked. */
  ageSeconds(run: string): number;
  /** How long the last one took; undefined before. */
  readonly seconds: number | undefined;
  /** Resolves once all runs are settled, or can't be, or `longestMs` are over: for the process's end. */
  drained(longestMs: number): Promise<void>;
}

interface Waiting {
  readonly saved: SavedCheckpoint;
  readonly commit: () => Promise<void>;
}

/** A run's states that wait: to go up, in order; and held back. */
interface Waitings {
  readonly queue: Waiting[];
  held: readonly Waiting[];
}

export function openUploads(): Uploads {
  const runs = new Map<string, Waitings>();
  const running = new Map<string, Promise<void>>();
  const newest = new Map<string, Durable>();
  /** When the newest came there, or was first asked for: by a clock that nobody sets. */
  const durableSince = new Map<string, number>();
  let seconds: number | undefined;

  const waitingsOf = (run: string): Waitings => {
    const waitings = runs.get(run) ?? { queue: [], held: [] };
    runs.set(run, waitings);
    return waitings;
  };

  /** Works off a run's queue, one state at a time: a child is never in the store before its parent. */
  const work = (run: string): Promise<void> => {
    const { queue } = waitingsOf(run);
    const going = running.get(run);
    if (going) return going;
    const loop = (async () => {
      for (let next = queue[0]; next; next = queue[0]) {
        const startedAt = performance.now();
        await next.commit();
        seconds = (performance.now() - startedAt) / 1000;
        queue.shift();
        const { lineage, step } = next.saved.checkpoint;
        newest.set(run, { lineage, step, at: Date.now() });
        durableSince.set(run, performance.now());
        await rm(next.saved.directory, { recursive: true, force: true });
      }
    })().finally(() => running.delete(run));
    running.set(run, loop);
    return loop;
  };

  const keepHeld = (run: string, isKept: (step: number) => boolean): void => {
    const waitings = waitingsOf(run);
    const goes = ({ saved }: Waiting): boolean => !isKept(saved.checkpoint.step);
    for (const { saved } of waitings.held.filter(goes)) {
      void rm(saved.directory, { recursive: true, force: true });
    }
    waitings.held = waitings.held.filter((one) => !goes(one));
  };
  const release = (run: string): void => {
    const waitings = waitingsOf(run);
    waitings.queue.push(...waitings.held);
    waitings.held = [];
  };

  const settled = async (run: string, most = 0): Promise<void> => {
    if (most === 0) release(run);
    const { queue } = waitingsOf(run);
    // With none left to wait, the last one's folder may still have to go.
    if (most > 0 && queue.length <= most) return;
    await running.get(run)?.catch(() => undefined);
    if (queue.length > most) await work(run);
  };

  return {
    add(saved, commit) {
      const { run, step } = saved.checkpoint;
      // One of the same step is the same.
      keepHeld(run, (held) => held !== step);
      release(run);
      waitingsOf(run).queue.push({ saved, commit });
      // A failure shows in `settled`, which tries once more.
      work(run).catch(() => undefined);
    },
    hold(saved, commit, isKept) {
      const { run } = saved.checkpoint;
      keepHeld(run, isKept);
      const waitings = waitingsOf(run);
      waitings.held = [...waitings.held, { saved, commit }];
    },
    holding: () => [...runs].filter(([, { held }]) => held.length > 0).map(([run]) => run),
    drop: (run) => keepHeld(run, () => false),
    settled,
    durable: (run) => newest.get(run),
    ageSeconds(run) {
      const now = performance.now();
      const since = durableSince.get(run) ?? now;
      durableSince.set(run, since);
      return (now - since) / 1000;
    },
    get seconds() {
      return seconds;
    },
    async drained(longestMs) {
      const drained = new AbortController();
      const all = Promise.allSettled([...runs.keys()].map((run) => settled(run)));
      const late = sleep(longestMs, undefined, drained).catch(() => undefined);
      await Promise.race([all, late]);
      drained.abort();
    },
  };
}
