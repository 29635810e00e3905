import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochOrder, storedOrder, windowsFrom } from '../../data/order.ts';
import type { RecordOrder } from '../../data/order.ts';

const shardSamples = [5, 3, 8, 1, 4, 6, 2];
const samples = 29;
const spec = { shardSamples, seed: 0, epoch: 0, windowShards: 3 };

function placesOf(order: RecordOrder): string[] {
  return Array.from({ length: order.samples }, (_, position) => {
    const { shard, record } = order.at(position);
    return `${shard}/${record}`;
  });
}

test('an epoch visits each record once, whatever the window', () => {
  const all = shardSamples.flatMap((count, shard) =>
    Array.from({ length: count }, (_, record) => `${shard}/${record}`),
  );
  for (const windowShards of [1, 2, 3, 7, 100]) {
    for (const epoch of [0, 1, 2]) {
      const order = epochOrder({ ...spec, windowShards, epoch });
      assert.equal(order.samples, samples);
      assert.deepEqual(placesOf(order).toSorted(), all.toSorted());
    }
  }
});

test('seed, epoch and window each change the order, and nothing else does', () => {
  const same = placesOf(epochOrder(spec)).join();
  assert.equal(placesOf(epochOrder({ ...spec })).join(), same);
  for (const other of [{ seed: 1 }, { epoch: 1 }, { windowShards: 2 }]) {
    assert.notEqual(placesOf(epochOrder({ ...spec, ...other })).join(), same);
  }
});

test('the order of an epoch is pinned: a change would change every run', () => {
  const order = epochOrder({ shardSamples: [3, 3, 2], seed: 0, epoch: 1, windowShards: 2 });
  assert.equal(placesOf(order).join(' '), '2/0 1/2 1/0 1/1 2/1 0/0 0/1 0/2');
});

test('a record is found directly, from any position and in any sequence', () => {
  const places = placesOf(epochOrder(spec));
  const order = epochOrder(spec);
  for (const position of [28, 0, 17, 3, 28, 11]) {
    const { shard, record } = order.at(position);
    assert.equal(`${shard}/${record}`, places[position]);
  }
});

test('a position reads only shards of its own window, and a shard is in one window', () => {
  const order = epochOrder(spec);
  for (const { first, count, shards } of order.windows) {
    for (let position = first; position < first + count; position += 1) {
      assert.ok(shards.includes(order.at(position).shard));
    }
  }
  const all = order.windows.flatMap(({ shards }) => shards);
  assert.deepEqual(
    all.toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6],
  );
  assert.ok(order.windows.every(({ shards }) => shards.length <= 3));
});

test('from a cursor on, only windows that end after it are needed', () => {
  const order = epochOrder(spec);
  const [first, second, third] = order.windows;
  assert.deepEqual(windowsFrom(order, 0), [first, second, third]);
  assert.deepEqual(windowsFrom(order, second!.first - 1), [first, second, third]);
  assert.deepEqual(windowsFrom(order, second!.first), [second, third]);
  assert.deepEqual(windowsFrom(order, samples), []);
});

test('records of a window are mixed over its shards', () => {
  const order = epochOrder({ shardSamples: [500, 500], seed: 0, epoch: 0, windowShards: 2 });
  const firstHalf = Array.from({ length: 500 }, (_, position) => order.at(position).shard);
  const ofShard0 = firstHalf.filter((shard) => shard === 0).length;
  assert.ok(ofShard0 > 200 && ofShard0 < 300, `${ofShard0}`);
});

test('the stored order is shard after shard, record after record', () => {
  assert.equal(placesOf(storedOrder([2, 1, 2])).join(' '), '0/0 0/1 1/0 2/0 2/1');
});

test('a position beyond the order is refused with its length', () => {
  assert.throws(() => epochOrder(spec).at(29), /position 29: the order has 29/);
});
