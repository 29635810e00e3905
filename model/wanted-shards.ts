/** The stored shards that a trainer reads: it wants them of its parent, who brings them as local files. */
import type { ChildProcess } from 'node:child_process';
import { failureTypeOf } from '../contract/failures.ts';
import type { StoredFile } from '../contract/manifests.ts';
import type { FetchShard, HeldFile } from '../data/batches.ts';
import type { CachedFile } from '../storage/cache.ts';
import type { FromTrainer, ToTrainer, TrainerShard } from './trainer-messages.ts';

type Brought = Extract<ToTrainer, { type: 'shard' | 'no-shard' }>;
type Want = Extract<FromTrainer, { type: 'wants' | 'passed' }>;

export const isBrought = (message: ToTrainer): message is Brought =>
  message.type === 'shard' || message.type === 'no-shard';

export const isWant = (message: FromTrainer): message is Want =>
  message.type === 'wants' || message.type === 'passed';

export interface WantedShards {
  /** How a set's shards are had. */
  of(shards: readonly TrainerShard[]): FetchShard;
  /** Takes what the parent says. */
  take(message: Brought): void;
}

/** The trainer's side. */
export function openWantedShards(emit: (message: Want) => void): WantedShards {
  const waiting = new Map<number, (message: Brought) => void>();
  let wanted = 0;
  const want = async (file: StoredFile): Promise<HeldFile> => {
    const id = wanted++;
    const brought = new Promise<Brought>((resolve) => waiting.set(id, resolve));
    emit({ type: 'wants', id, file });
    const message = await brought;
    waiting.delete(id);
    if (message.type === 'shard') {
      return { path: message.path, release: () => emit({ type: 'passed', id }) };
    }
    const { name, message: problem } = message.failure;
    throw Object.assign(new Error(problem), { name });
  };
  return {
    of: (shards) => async (index) => {
      const shard = shards[index]!;
      return 'path' in shard ? { path: shard.path, release: () => undefined } : want(shard);
    },
    take: (message) => waiting.get(message.id)!(message),
  };
}

/** As a cache does. */
export type FetchFile = (file: StoredFile, signal: AbortSignal) => Promise<CachedFile>;

/** The parent's side, for as long as the process lives. */
export function bringWanted(child: ChildProcess, fetch: FetchFile): void {
  const held = new Map<number, CachedFile>();
  const ended = new AbortController();
  const tell = (message: ToTrainer): void => {
    if (child.connected) child.send(message);
  };
  const bring = async ({ id, file }: Extract<Want, { type: 'wants' }>): Promise<void> => {
    try {
      const cached = await fetch(file, ended.signal);
      held.set(id, cached);
      if (ended.signal.aborted) return await letGo(id);
      tell({ type: 'shard', id, path: cached.path });
    } catch (error) {
      const failure = error as Error;
      const { message } = failure;
      tell({ type: 'no-shard', id, failure: { name: failureTypeOf(failure), message } });
    }
  };
  const letGo = async (id: number): Promise<void> => {
    const cached = held.get(id);
    held.delete(id);
    await cached?.release();
  };
  child.on('message', (message: FromTrainer) => {
    if (message.type === 'wants') void bring(message);
    if (message.type === 'passed') void letGo(message.id);
  });
  child.once('close', () => {
    ended.abort(new Error('the trainer has ended'));
    for (const id of held.keys()) void letGo(id);
  });
}
