/** Near duplicates: found by bands as by comparing all with all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sides } from '../../contract/manifests.ts';
import { sha256 } from '../../data/digest.ts';
import { findNearDuplicates, maxDistance } from '../../data/near-duplicates.ts';
import { createSampleTable } from '../../data/sample-table.ts';

/** What is found among images of these hashes; image n lies on side n % 3. */
function find(hashes: readonly (bigint | undefined)[], sideOf = (row: number) => row % 3) {
  const table = createSampleTable(hashes.length);
  for (const [row, hash] of hashes.entries()) {
    table.add({
      ...{ id: `${row}`, file: 'p', offset: row, length: 1, label: 0 },
      sha256: sha256(`${row}`),
      phash: hash?.toString(16).padStart(16, '0'),
    });
  }
  const rows = Uint32Array.from(hashes.keys());
  return findNearDuplicates(
    table,
    rows,
    Uint8Array.from(hashes, (_, row) => sideOf(row)),
  );
}

const bitsIn = (value: bigint): number => value.toString(2).replaceAll('0', '').length;
const madeHash = (n: number): bigint => BigInt(`0x${sha256(`hash ${n}`).slice(0, 16)}`);

test('pairs are those that comparing all with all finds', () => {
  // Families around 61 hashes, each member some bits away from its head.
  const hashes = Array.from({ length: 600 }, (_, n) => {
    const flips = Array.from({ length: n % 5 }, (_, k) => madeHash(n * 7 + k) % 64n);
    return flips.reduce((hash, bit) => hash ^ (1n << bit), madeHash(n % 61));
  });
  const expected = new Map<string, number>();
  for (const [i, a] of hashes.entries()) {
    for (let j = i + 1; j < hashes.length; j += 1) {
      const distance = bitsIn(a ^ hashes[j]!);
      if (i % 3 !== j % 3 && distance <= maxDistance) expected.set(`${i} ${j}`, distance);
    }
  }
  const { pairs, list } = find(hashes)!;
  assert.ok(expected.size > 500 && new Set(expected.values()).size === maxDistance + 1);
  assert.equal(pairs, expected.size);
  const found = list.map(({ distance, images }) => {
    const [a, b] = images.map(({ id }) => Number(id)).toSorted((x, y) => x - y);
    for (const { id, side } of images) assert.equal(side, sides[Number(id) % 3]);
    return [`${a} ${b}`, distance] as const;
  });
  assert.deepEqual(new Map(found), expected);
  const distances = list.map(({ distance }) => distance);
  assert.deepEqual(
    distances,
    distances.toSorted((a, b) => a - b),
  );
});

test('images of one side are no pair, nor is one that has no hash', () => {
  assert.equal(find([1n, 1n, 1n], () => 0)!.pairs, 0);
  assert.equal(find([1n, undefined, 1n])!.pairs, 1);
  assert.equal(find([undefined, undefined]), undefined);
});

test('many alike are counted all, and listed up to a bound', () => {
  const { pairs, list } = find(Array.from({ length: 3000 }, () => 5n))!;
  assert.equal(pairs, 3 * 1000 * 1000);
  assert.equal(list.length, 10_000);
});
