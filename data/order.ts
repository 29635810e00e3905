/**
 * The order in which an epoch reads its records: shards shuffled, then records shuffled within
 * windows of a few shards. A function of (seed, epoch), so a cursor is one integer, and going on
 * from it costs nothing.
 */
import { permutation, purposes, randomStream } from './random.ts';

/** How many shards are mixed with each other; that many are in memory at once, and as many read ahead. */
export const shuffleWindowShards = 8;

/** A stretch of positions whose records all lie in a few shards. */
export interface OrderWindow {
  /** Positions `first` <= p < `first` + `count`. */
  readonly first: number;
  readonly count: number;
  /** The shards read in it, and in no other window. */
  readonly shards: readonly number[];
}

export interface RecordPlace {
  readonly shard: number;
  readonly record: number;
}

export interface RecordOrder {
  readonly samples: number;
  readonly windows: readonly OrderWindow[];
  /** The record at position 0 <= p < `samples`. */
  at(position: number): RecordPlace;
}

export interface ShuffledOrderSpec {
  /** Records of each shard. */
  readonly shardSamples: readonly number[];
  readonly seed: number;
  readonly epoch: number;
  readonly windowShards: number;
}

/** An epoch of training: each record once, in the order that follows from seed and epoch. */
export function epochOrder(spec: ShuffledOrderSpec): RecordOrder {
  const { shardSamples, seed, epoch, windowShards } = spec;
  const shards = permutation(shardSamples.length, randomStream(seed, purposes.shardOrder, [epoch]));
  return windowed(shardSamples, [...shards], windowShards, (count, window) =>
    permutation(count, randomStream(seed, purposes.recordOrder, [epoch, window])),
  );
}

/** Records as they are stored, shard after shard: for evaluation. */
export function storedOrder(shardSamples: readonly number[]): RecordOrder {
  return windowed(shardSamples, [...shardSamples.keys()], 1, (count) =>
    Uint32Array.from({ length: count }, (_, index) => index),
  );
}

/** The windows with records at position `from` or after, in order: what a cursor still needs. */
export function windowsFrom(order: RecordOrder, from: number): OrderWindow[] {
  return order.windows.filter(({ first, count }) => first + count > from);
}

function windowed(
  shardSamples: readonly number[],
  shardsInOrder: readonly number[],
  windowShards: number,
  orderWithin: (count: number, window: number) => Uint32Array,
): RecordOrder {
  const windows: OrderWindow[] = [];
  let samples = 0;
  for (let start = 0; start < shardsInOrder.length; start += windowShards) {
    const shards = shardsInOrder.slice(start, start + windowShards);
    const count = shards.reduce((sum, shard) => sum + shardSamples[shard]!, 0);
    windows.push({ first: samples, count, shards });
    samples += count;
  }

  // One window's permutation at a time: positions come in order.
  let current = -1;
  let within: Uint32Array = new Uint32Array();
  return {
    samples,
    windows,
    at(position) {
      let index = current;
      if (current < 0 || !holds(windows[current]!, position)) {
        index = windows.findIndex((window) => holds(window, position));
        if (index < 0) throw new RangeError(`position ${position}: the order has ${samples}`);
        current = index;
        within = orderWithin(windows[index]!.count, index);
      }
      const { first, shards } = windows[index]!;
      let record = within[position - first]!;
      let slot = 0;
      while (record >= shardSamples[shards[slot]!]!) record -= shardSamples[shards[slot++]!]!;
      return { shard: shards[slot]!, record };
    },
  };
}

const holds = ({ first, count }: OrderWindow, position: number): boolean =>
  position >= first && position < first + count;
