/**
 * The batches of an epoch, assembled in another thread while the trainer's step runs: a session
 * run holds this thread's event loop.
 */
import { extname } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';

export interface BatchesRequest {
  /** Records of each shard, in the stage's order. */
  readonly shardSamples: readonly number[];
  /** The epoch's order; without it, records as they are stored. */
  readonly shuffle?: { readonly seed: number; readonly epoch: number };
  readonly batchSize: number;
  /** Where in the order the first batch begins. */
  readonly fromPosition: number;
  /** Bytes of one image: height x width x 3; of its features, 4 each. */
  readonly imageBytes: number;
}

/** A shard's file on local disk. */
export interface HeldFile {
  readonly path: string;
  /** It has been read, or will not be. */
  release(): void;
}

/** Brings a shard's file when its turn is near; its failure is that of the batch that needs it. */
export type FetchShard = (shard: number) => Promise<HeldFile>;

/** Of shards that are on local disk, and stay there. */
export const filesAt =
  (paths: readonly string[]): FetchShard =>
  async (shard) => ({ path: paths[shard]!, release: () => undefined });

export interface Batch {
  /** uint8 [B, H, W, 3], or the bytes of features, float32 [B, N] */
  readonly images: Uint8Array;
  /** [B] */
  readonly labels: Int32Array;
  readonly ids: readonly string[];
  /** How long the caller waited for it, in milliseconds. */
  readonly waitedMs: number;
  /** Gives the memory back for a later batch: images and labels are empty from then on. */
  release(): void;
}

export interface Batches {
  /**
   * The next batch; the last one is smaller, and undefined comes after it. Throws what went wrong in
   * reading, by its name, and the signal's reason while it waits.
   */
  next(signal?: AbortSignal): Promise<Batch | undefined>;
  /** Lets go of all shards. */
  close(): void;
}

/** Memory of one batch: it belongs to one thread at a time. */
export interface BatchMemory {
  readonly images: ArrayBuffer;
  readonly labels: ArrayBuffer;
}

/** What the thread is told: memory to fill, a shard's file, or why there is none. */
export type ToBatchThread =
  | { readonly type: 'memory'; readonly memory: BatchMemory }
  | { readonly type: 'shard'; readonly shard: number; readonly path: string }
  | {
      readonly type: 'no-shard';
      readonly shard: number;
      readonly name: string;
      readonly message: string;
    };

/** What it says: which shards it wants and has read; a batch, the end of the order, or what went wrong. */
export type FromBatchThread =
  | { readonly type: 'wants'; readonly shard: number }
  | { readonly type: 'passed'; readonly shard: number }
  | { readonly type: 'batch'; readonly memory: BatchMemory; readonly ids: readonly string[] }
  | { readonly type: 'end' }
  | { readonly type: 'failed'; readonly name: string; readonly message: string };

/** One with the trainer, the others ready or being filled. */
const batchesInMemory = 4;

export function openBatches(request: BatchesRequest, fetch: FetchShard): Batches {
  const { batchSize, imageBytes } = request;
  const { port1: port, port2 } = new MessageChannel();
  batchThread().postMessage({ request, port: port2 }, [port2]);
  const tell = (message: ToBatchThread, moved: ArrayBuffer[] = []): void =>
    port.postMessage(message, moved);
  const lend = (memory: BatchMemory): void =>
    tell({ type: 'memory', memory }, [memory.images, memory.labels]);
  for (let count = 0; count < batchesInMemory; count += 1) {
    const images = new ArrayBuffer(batchSize * imageBytes);
    lend({ images, labels: new ArrayBuffer(batchSize * Int32Array.BYTES_PER_ELEMENT) });
  }

  const held = new Map<number, HeldFile>();
  let closed = false;
  const bring = async (shard: number): Promise<void> => {
    try {
      const file = await fetch(shard);
      if (closed) return file.release();
      held.set(shard, file);
      tell({ type: 'shard', shard, path: file.path });
    } catch (error) {
      const { name, message } = error as Error;
      tell({ type: 'no-shard', shard, name, message });
    }
  };

  const answers: Exclude<FromBatchThread, { type: 'wants' | 'passed' }>[] = [];
  let wake = (): void => undefined;
  const woken = async (signal?: AbortSignal): Promise<void> => {
    const waiting = new Promise<void>((resolve) => (wake = resolve));
    signal?.addEventListener('abort', wake);
    await waiting;
    signal?.removeEventListener('abort', wake);
  };
  port.on('message', (message: FromBatchThread) => {
    if (message.type === 'wants') return void bring(message.shard);
    if (message.type === 'passed') {
      held.get(message.shard)?.release();
      return void held.delete(message.shard);
    }
    answers.push(message);
    wake();
  });
  return {
    async next(signal) {
      const askedAt = performance.now();
      while (answers.length === 0) {
        signal?.throwIfAborted();
        await woken(signal);
      }
      const answer = answers[0]!;
      if (answer.type === 'failed') {
        throw Object.assign(new Error(answer.message), { name: answer.name });
      }
      if (answer.type === 'end') return undefined;
      answers.shift();
      const { memory, ids } = answer;
      return {
        images: new Uint8Array(memory.images, 0, ids.length * imageBytes),
        labels: new Int32Array(memory.labels, 0, ids.length),
        ids,
        waitedMs: performance.now() - askedAt,
        release: () => lend(memory),
      };
    },
    close() {
      closed = true;
      port.close();
      for (const file of held.values()) file.release();
    },
  };
}

/** Starts the thread, that the first batches need not wait for it. */
export const prepareBatches = (): void => void batchThread();

/** One thread a process, kept for the next epoch: starting one takes longer than a step. */
let thread: Worker | undefined;

/** Its own failure (not that of a request) is a defect, and ends the process as an uncaught one. */
function batchThread(): Worker {
  thread ??= startThread();
  thread.unref();
  return thread;
}

function startThread(): Worker {
  const suffix = extname(import.meta.url);
  const script = new URL(`./batch-worker${suffix}`, import.meta.url);
  if (suffix === '.js') return new Worker(script);
  // On Node 20 tsx registers itself in the main thread only.
  const api = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const register = `import { register } from ${api}; register();`;
  return new Worker(script, { execArgv: ['--import', `data:text/javascript,${register}`] });
}
