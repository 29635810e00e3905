/**
 * The batches of an epoch, assembled in another thread while the trainer's step runs: a session
 * run holds this thread's event loop.
 */
import { extname } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';

export interface BatchesRequest {
  /** Local shard files, in the stage's order. They may be unlinked once the first batch is there. */
  readonly shards: readonly { readonly path: string; readonly samples: number }[];
  /** The epoch's order; without it, records as they are stored. */
  readonly shuffle?: { readonly seed: number; readonly epoch: number };
  readonly batchSize: number;
  /** Where in the order the first batch begins. */
  readonly fromPosition: number;
  /** Bytes of one image: height x width x 3; of its features, 4 each. */
  readonly imageBytes: number;
}

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
  /** The next batch; the last one is smaller, and undefined comes after it. Throws what went wrong in reading, `DamagedObject` by its name. */
  next(): Promise<Batch | undefined>;
  close(): Promise<void>;
}

/** Memory of one batch: it belongs to one thread at a time. */
export interface BatchMemory {
  readonly images: ArrayBuffer;
  readonly labels: ArrayBuffer;
}

/** What the thread answers: a batch, the end of the order, or what went wrong. */
export type FromBatchThread =
  | { readonly type: 'batch'; readonly memory: BatchMemory; readonly ids: readonly string[] }
  | { readonly type: 'end' }
  | { readonly type: 'failed'; readonly name: string; readonly message: string };

/** One with the trainer, the others ready or being filled. */
const batchesInMemory = 4;

export function openBatches(request: BatchesRequest): Batches {
  const { batchSize, imageBytes } = request;
  const { port1: port, port2 } = new MessageChannel();
  batchThread().postMessage({ request, port: port2 }, [port2]);
  const lend = (memory: BatchMemory): void =>
    port.postMessage(memory, [memory.images, memory.labels]);
  for (let count = 0; count < batchesInMemory; count += 1) {
    const images = new ArrayBuffer(batchSize * imageBytes);
    lend({ images, labels: new ArrayBuffer(batchSize * Int32Array.BYTES_PER_ELEMENT) });
  }

  const answers: FromBatchThread[] = [];
  let wake: (() => void) | undefined;
  port.on('message', (answer: FromBatchThread) => {
    answers.push(answer);
    wake?.();
  });
  return {
    async next() {
      const askedAt = performance.now();
      while (answers.length === 0) await new Promise<void>((resolve) => (wake = resolve));
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
    close: async () => port.close(),
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
