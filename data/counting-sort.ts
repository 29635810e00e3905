/** Sorts many numbers by a key of 16 bits, in a time that grows no faster than they do. */

/** Stable: sorted by one key after the other, the last one counts most. */
export function sortBy16Bits(
  items: Uint32Array,
  keyOf: (item: number) => number,
): Uint32Array<ArrayBuffer> {
  const start = new Uint32Array(2 ** 16 + 1);
  for (const item of items) start[keyOf(item) + 1]! += 1;
  for (let key = 0; key < 2 ** 16; key += 1) start[key + 1]! += start[key]!;
  const sorted = new Uint32Array(items.length);
  for (const item of items) sorted[start[keyOf(item)]!++] = item;
  return sorted;
}

/** 0 to `count` - 1. */
export const sequence = (count: number): Uint32Array<ArrayBuffer> =>
  new Uint32Array(count).map((_, index) => index);
