/**
 * Images that look nearly the same though their bytes differ, and lie on different sides: their
 * perceptual hashes differ in few of 64 bits. Hashes are cut into one band more than bits may
 * differ: at least one band is then equal, so only hashes that share one need to be compared.
 */
import { sides } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import { sequence, sortBy16Bits } from './counting-sort.ts';
import { noSide } from './duplicates.ts';
import type { SampleTable } from './sample-table.ts';

/** Bits in which two hashes may differ. */
export const maxDistance = 3;
const bands = maxDistance + 1;
/** Pairs in the list: what a person can look through. */
const mostListed = 10_000;

export interface NearDuplicates {
  readonly pairs: number;
  /** The closest first. */
  readonly list: readonly NearPair[];
}

export interface NearPair {
  /** In bits. */
  readonly distance: number;
  readonly images: readonly { readonly id: string; readonly side: Side }[];
}

/** Among `rows` on a side; `side` is by row, as an index of `sides`. Undefined where no row has a hash. */
export function findNearDuplicates(
  table: SampleTable,
  rows: Uint32Array,
  side: Uint8Array,
): NearDuplicates | undefined {
  const hashes = distinctHashes(table, rows, side);
  if (hashes.count === 0) return undefined;
  const list: NearPair[] = [];
  let pairs = 0;
  const shown = (row: number) => ({ id: table.id(row), side: sides[side[row]!]! });

  /** Counts the pairs of two hashes' rows, or of one's, that lie on different sides. */
  function take(a: number, b: number, distance: number): void {
    const [ones, others] = [hashes.rowsOf(a), hashes.rowsOf(b)];
    const across = pairsAcross(ones, others, side);
    pairs += a === b ? across / 2 : across;
    if (across === 0) return;
    for (const one of ones) {
      for (const other of others) {
        if (list.length === mostListed) return;
        if (side[one]! >= side[other]! && (a === b || side[one] === side[other])) continue;
        list.push({ distance, images: [shown(one), shown(other)] });
      }
    }
  }

  const { count, upper, lower, sidesOf } = hashes;
  const bandOf = (hash: number, band: number): number => bandIn(upper[hash]!, lower[hash]!, band);
  for (let hash = 0; hash < count; hash += 1) {
    if (!isOneSide(sidesOf[hash]!)) take(hash, hash, 0);
  }
  for (let band = 0; band < bands; band += 1) {
    const order = sortBy16Bits(sequence(count), (hash) => bandOf(hash, band));
    for (let first = 0, next = 0; first < count; first = next) {
      const value = bandOf(order[first]!, band);
      while (next < count && bandOf(order[next]!, band) === value) next += 1;
      for (let i = first; i < next; i += 1) {
        const a = order[i]!;
        for (let j = i + 1; j < next; j += 1) {
          const b = order[j]!;
          if (isOneSide(sidesOf[a]! | sidesOf[b]!)) continue;
          const distance = bitsIn(upper[a]! ^ upper[b]!) + bitsIn(lower[a]! ^ lower[b]!);
          if (distance > maxDistance) continue;
          let shared = 0; // the first band in which they are equal: there the pair counts
          while (bandOf(a, shared) !== bandOf(b, shared)) shared += 1;
          if (shared === band) take(a, b, distance);
        }
      }
    }
  }
  return { pairs, list: list.toSorted((a, b) => a.distance - b.distance) };
}

/** How often a row of one lies on another side than a row of the other. */
function pairsAcross(ones: Uint32Array, others: Uint32Array, side: Uint8Array): number {
  const counts = (rows: Uint32Array): number[] => {
    const onSide = sides.map(() => 0);
    for (const row of rows) onSide[side[row]!]! += 1;
    return onSide;
  };
  const [a, b] = [counts(ones), counts(others)];
  const together = a.reduce((sum, count, index) => sum + count * b[index]!, 0);
  return ones.length * others.length - together;
}

/** The hashes there are, each once, with its rows and the sides on which they lie. */
function distinctHashes(table: SampleTable, rows: Uint32Array, side: Uint8Array) {
  let order = rows.filter((row) => side[row] !== noSide && table.hasPhash(row));
  for (const half of [table.phashLower, table.phashUpper]) {
    for (const shift of [0, 16]) {
      order = sortBy16Bits(order, (row) => (half(row) >>> shift) & 0xffff);
    }
  }
  const upper = new Uint32Array(order.length);
  const lower = new Uint32Array(order.length);
  const firstRow = new Uint32Array(order.length + 1);
  const sidesOf = new Uint8Array(order.length);
  let count = 0;
  for (let at = 0; at < order.length; at += 1) {
    const row = order[at]!;
    const high = table.phashUpper(row);
    const low = table.phashLower(row);
    if (count === 0 || upper[count - 1] !== high || lower[count - 1] !== low) {
      upper[count] = high;
      lower[count] = low;
      firstRow[count] = at;
      count += 1;
    }
    firstRow[count] = at + 1;
    sidesOf[count - 1]! |= 1 << side[row]!;
  }
  return {
    count,
    upper,
    lower,
    /** Bit s: some row lies on side s. */
    sidesOf,
    rowsOf: (hash: number) => order.subarray(firstRow[hash], firstRow[hash + 1]),
  };
}

/** Whether one bit is set. */
const isOneSide = (onSides: number): boolean => (onSides & (onSides - 1)) === 0;

/** 16 of the 64 bits, every fourth: neighbours say much the same of an image, and would fill few values. */
function bandIn(upper: number, lower: number, band: number): number {
  return (everyFourth(upper >>> band) << 8) | everyFourth(lower >>> band);
}

function everyFourth(bits: number): number {
  const one = bits & 0x11111111;
  const two = (one | (one >>> 3)) & 0x03030303;
  const four = (two | (two >>> 6)) & 0x000f000f;
  return (four | (four >>> 12)) & 0xff;
}

/** Bits of a 32-bit number that are set. */
function bitsIn(number: number): number {
  let bits = number - ((number >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
