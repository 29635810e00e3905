/** Threads of this process that bring objects to local files beside its own work: see download-worker.mjs. */
import type { IncomingHttpHeaders } from 'node:http';
import { Worker } from 'node:worker_threads';

/** A GET, signed, and the file its answer's body goes to. */
export interface Download {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  readonly connectMs: number;
  readonly silenceMs: number;
}

export type ToDownloadThread =
  | ({ readonly type: 'download'; readonly id: number } & Download)
  | { readonly type: 'cancel'; readonly id: number };

export type FromDownloadThread = Answer | Failure;

interface Head {
  readonly id: number;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

type Answer =
  | ({ readonly type: 'downloaded'; readonly size: number; readonly sha256: string } & Head)
  /** Any status but 200. */
  | ({ readonly type: 'refused'; readonly body: Uint8Array } & Head);

interface Failure {
  readonly type: 'failed';
  readonly id: number;
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
}

/** Receiving, hashing and writing keep one core busy at some 450 MB/s. */
const threadCount = 2;

const threads: Worker[] = [];
const waiting = new Map<number, (message: FromDownloadThread) => void>();
let asked = 0;

/** Throws what the network and the disk throw, and the signal's reason. */
export async function download(order: Download, signal?: AbortSignal): Promise<Answer> {
  signal?.throwIfAborted();
  const id = asked++;
  const thread = (threads[id % threadCount] ??= startThread());
  const cancel = (): void => tell(thread, { type: 'cancel', id });
  const said = new Promise<FromDownloadThread>((resolve) => waiting.set(id, resolve));
  signal?.addEventListener('abort', cancel);
  for (const one of threads) one.ref();
  tell(thread, { type: 'download', id, ...order });
  const message = await said;
  signal?.removeEventListener('abort', cancel);
  waiting.delete(id);
  // An idle thread does not keep the process.
  if (waiting.size === 0) for (const one of threads) one.unref();
  if (message.type !== 'failed') return message;
  signal?.throwIfAborted();
  const { name, message: problem, code } = message;
  throw Object.assign(new Error(problem), { name, code });
}

const tell = (thread: Worker, message: ToDownloadThread): void => thread.postMessage(message, []);

/** Its own failure (not that of a download) is a defect, and ends the process as an uncaught one. */
function startThread(): Worker {
  const thread = new Worker(new URL('./download-worker.mjs', import.meta.url), {
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 4 }, // what comes and goes lies outside the heap
  });
  thread.on('message', (message: FromDownloadThread) => waiting.get(message.id)!(message));
  return thread;
}
