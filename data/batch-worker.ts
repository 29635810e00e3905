/** The thread that assembles batches: reads shards and gathers their records, ahead of the trainer. */
import { on } from 'node:events';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { BatchesRequest, BatchMemory, FromBatchThread } from './batches.ts';
import { epochOrder, shuffleWindowShards, storedOrder, windowsFrom } from './order.ts';
import type { OrderWindow, RecordOrder } from './order.ts';
import { openShard } from './tfrecord.ts';
import type { ShardReader } from './tfrecord.ts';

interface Opening {
  readonly request: BatchesRequest;
  readonly port: MessagePort;
}

parentPort!.on('message', ({ request, port }: Opening) => {
  const answer = (message: FromBatchThread, memory?: BatchMemory): void =>
    port.postMessage(message, memory ? [memory.images, memory.labels] : []);
  assemble(request, port, answer).catch((error: Error) =>
    answer({ type: 'failed', name: error.name, message: error.message }),
  );
});

/** Fills memory as it comes, until the order or the request ends. */
async function assemble(
  request: BatchesRequest,
  port: MessagePort,
  answer: (message: FromBatchThread, memory?: BatchMemory) => void,
): Promise<void> {
  const memories = on(port, 'message', { close: ['close'] }) as AsyncIterable<[BatchMemory]>;
  // All from the start: whoever holds the files may let go of them while later windows are still to come.
  const files = await Promise.all(request.shards.map(({ path }) => open(path)));
  try {
    const order = orderOf(request);
    const shardsAt = shardsAhead(request, order, files);
    let position = request.fromPosition;
    for await (const [memory] of memories) {
      if (position === order.samples) break;
      const count = Math.min(request.batchSize, order.samples - position);
      const ids = await fill(memory, request, order, shardsAt, position, count);
      answer({ type: 'batch', memory, ids }, memory);
      position += count;
    }
    answer({ type: 'end' });
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

function orderOf({ shards, shuffle }: BatchesRequest): RecordOrder {
  const shardSamples = shards.map(({ samples }) => samples);
  return shuffle
    ? epochOrder({ shardSamples, ...shuffle, windowShards: shuffleWindowShards })
    : storedOrder(shardSamples);
}

type Shards = ReadonlyMap<number, ShardReader>;

async function fill(
  memory: BatchMemory,
  { imageBytes }: BatchesRequest,
  order: RecordOrder,
  shardsAt: (position: number) => Promise<Shards>,
  position: number,
  count: number,
): Promise<string[]> {
  const images = new Uint8Array(memory.images);
  const labels = new Int32Array(memory.labels);
  const ids: string[] = [];
  let shards = await shardsAt(position);
  for (let index = 0; index < count; index += 1) {
    const { shard, record } = order.at(position + index);
    if (!shards.has(shard)) shards = await shardsAt(position + index);
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

/** The open shards of a position's window. Positions only rise: what lies behind is let go of, and the next window is read ahead. */
function shardsAhead(
  { shards, fromPosition }: BatchesRequest,
  order: RecordOrder,
  files: readonly FileHandle[],
): (position: number) => Promise<Shards> {
  const read = async (window: OrderWindow): Promise<Shards> =>
    new Map(
      await Promise.all(
        window.shards.map(async (shard): Promise<[number, ShardReader]> => {
          const { path, samples } = shards[shard]!;
          const reader = openShard(await files[shard]!.readFile(), path);
          if (reader.count === samples) return [shard, reader];
          throw new Error(`shard ${path}: expected ${samples} samples, got ${reader.count}`);
        }),
      ),
    );
  const windows = windowsFrom(order, fromPosition);
  const readAhead = (): Promise<Shards> | undefined => {
    const window = windows[0];
    const ahead = window && read(window);
    // Its failure is met when the window's turn comes.
    ahead?.catch(() => undefined);
    return ahead;
  };
  let end = 0;
  let current: Promise<Shards> | undefined;
  let next = readAhead();
  return (position) => {
    while (position >= end) {
      const window = windows.shift()!;
      end = window.first + window.count;
      current = next;
      next = readAhead();
    }
    return current!;
  };
}
