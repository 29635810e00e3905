/** The thread that assembles batches: gathers records from shard files, ahead of the trainer. */
import { parentPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { BatchesRequest, BatchMemory, FromBatchThread, ToBatchThread } from './batches.ts';
import { openWindows } from './open-windows.ts';
import type { OpenWindows, ShardAccess } from './open-windows.ts';
import { epochOrder, shuffleWindowShards, storedOrder, windowsFrom } from './order.ts';
import type { RecordOrder } from './order.ts';

interface Opening {
  readonly request: BatchesRequest;
  readonly port: MessagePort;
}

parentPort!.on('message', ({ request, port }: Opening) => {
  const parent = openParent(port);
  assemble(request, parent).catch((error: Error) =>
    parent.answer({ type: 'failed', name: error.name, message: error.message }),
  );
});

/** The thread that asked. */
interface Parent extends ShardAccess {
  answer(message: FromBatchThread, memory?: BatchMemory): void;
  /** Undefined once the request has ended. */
  nextMemory(): Promise<BatchMemory | undefined>;
}

interface Coming {
  resolve(path: string): void;
  reject(error: Error): void;
}

function openParent(port: MessagePort): Parent {
  const memories: BatchMemory[] = [];
  const coming = new Map<number, Coming>();
  const state = { ended: false, wake: (): void => undefined };
  port.on('message', (message: ToBatchThread) => {
    if (message.type === 'memory') {
      memories.push(message.memory);
      state.wake();
    } else if (message.type === 'shard') {
      coming.get(message.shard)!.resolve(message.path);
    } else {
      const { name, message: text } = message;
      coming.get(message.shard)!.reject(Object.assign(new Error(text), { name }));
    }
  });
  port.once('close', () => {
    state.ended = true;
    for (const one of coming.values()) one.reject(new Error('the request has ended'));
    state.wake();
  });
  return {
    answer: (message, memory) =>
      port.postMessage(message, memory ? [memory.images, memory.labels] : []),
    async nextMemory() {
      while (memories.length === 0 && !state.ended) {
        await new Promise<void>((resolve) => (state.wake = resolve));
      }
      return state.ended ? undefined : memories.shift();
    },
    fetch: (shard) =>
      new Promise((resolve, reject) => {
        coming.set(shard, { resolve, reject });
        port.postMessage({ type: 'wants', shard } satisfies FromBatchThread);
      }),
    release(shard) {
      coming.delete(shard);
      port.postMessage({ type: 'passed', shard } satisfies FromBatchThread);
    },
  };
}

/** Fills memory as it comes, until the order or the request ends. */
async function assemble(request: BatchesRequest, parent: Parent): Promise<void> {
  const { shardSamples, batchSize, fromPosition } = request;
  const order = orderOf(request);
  const windows = openWindows(windowsFrom(order, fromPosition), shardSamples, parent);
  try {
    for (let position = fromPosition; position < order.samples;) {
      const memory = await parent.nextMemory();
      if (!memory) return;
      const count = Math.min(batchSize, order.samples - position);
      const ids = await fill(memory, request, order, windows, position, count);
      parent.answer({ type: 'batch', memory, ids }, memory);
      position += count;
    }
    parent.answer({ type: 'end' });
  } finally {
    await windows.close();
  }
}

function orderOf({ shardSamples, shuffle }: BatchesRequest): RecordOrder {
  return shuffle
    ? epochOrder({ shardSamples, ...shuffle, windowShards: shuffleWindowShards })
    : storedOrder(shardSamples);
}

async function fill(
  memory: BatchMemory,
  { imageBytes }: BatchesRequest,
  order: RecordOrder,
  windows: OpenWindows,
  position: number,
  count: number,
): Promise<string[]> {
  const images = new Uint8Array(memory.images);
  const labels = new Int32Array(memory.labels);
  const ids: string[] = [];
  let shards = await windows.at(position);
  for (let index = 0; index < count; index += 1) {
    const { shard, record } = order.at(position + index);
    if (!shards.has(shard)) shards = await windows.at(position + index);
    const { id, label, image } = shards.get(shard)!.read(record);
    if (image.length !== imageBytes) {
      throw new Error(`sample ${id}: expected ${imageBytes} bytes of image, got ${image.length}`);
    }
    images.set(image, index * imageBytes);
    labels[index] = label;
    ids.push(id);
  }
  return ids;
}
