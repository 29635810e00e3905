import assert from 'node:assert/strict';
import { test } from 'node:test';
import { permutation, philox, purposes, randomStream } from '../../data/random.ts';

test('philox gives the known answers that Random123 publishes for Philox 4x32-10', () => {
  const ones = 0xffff_ffff;
  assert.deepEqual(philox([0, 0], [0, 0, 0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  assert.deepEqual(
    philox([ones, ones], [ones, ones, ones, ones]),
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  );
  assert.deepEqual(
    philox([0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

test('a stream gives the same values however others are drawn from in between', () => {
  const alone = randomStream(7, purposes.augmentation, [1, 2, 3]);
  const accompanied = randomStream(7, purposes.augmentation, [1, 2, 3]);
  const other = randomStream(7, purposes.augmentation, [1, 2, 4]);
  for (let draw = 0; draw < 20; draw += 1) {
    other.uint32();
    assert.equal(accompanied.uint32(), alone.uint32());
  }
});

test('streams that differ in seed, purpose or any number of their place differ', () => {
  const firsts = [
    randomStream(0, purposes.shardOrder, [0, 0, 0]),
    randomStream(1, purposes.shardOrder, [0, 0, 0]),
    randomStream(0, purposes.recordOrder, [0, 0, 0]),
    randomStream(0, purposes.shardOrder, [1, 0, 0]),
    randomStream(0, purposes.shardOrder, [0, 1, 0]),
    randomStream(0, purposes.shardOrder, [0, 0, 1]),
  ].map((stream) => stream.uint32());
  assert.equal(new Set(firsts).size, firsts.length);
});

test('uniform numbers lie in [0, 1) with the mean and spread of a uniform distribution', () => {
  const stream = randomStream(0, purposes.augmentation);
  const values = Array.from({ length: 20_000 }, () => stream.uniform());
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  assert.ok(values.every((value) => value >= 0 && value < 1));
  // Four standard errors.
  assert.ok(Math.abs(mean - 0.5) < (4 * Math.sqrt(1 / 12)) / Math.sqrt(values.length), `${mean}`);
  assert.ok(Math.abs(variance - 1 / 12) < 0.002, `${variance}`);
});

test('each integer below a bound is as likely as another', () => {
  const stream = randomStream(3, purposes.augmentation);
  const counts = [0, 0, 0, 0, 0, 0, 0];
  for (let draw = 0; draw < 70_000; draw += 1) counts[stream.below(7)]! += 1;
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 400, counts.join());
});

test('a permutation holds each number once', () => {
  for (const count of [0, 1, 2, 3, 17, 1000]) {
    const values = permutation(count, randomStream(count, purposes.recordOrder));
    assert.deepEqual(
      [...values].toSorted((a, b) => a - b),
      [...Array.from({ length: count }).keys()],
    );
  }
});

test('each of the six orders of three is as likely as another', () => {
  const counts = new Map<string, number>();
  for (let epoch = 0; epoch < 6000; epoch += 1) {
    const order = permutation(3, randomStream(0, purposes.recordOrder, [epoch])).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 130, `${count}`);
});
