/** How many samples chance gives each side: what a split by hashes is held against. */
import { sides } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import type { Fractions } from './sides.ts';

export interface CountRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Three standard deviations around each fraction of `rows`. What is in one place (a group, equal
 * contents) falls together, by one throw. With n throws of one sample each that is the binomial's
 * deviation, the root of n p (1 - p).
 */
export function expectedCounts(
  placeOf: (row: number) => number,
  rows: Uint32Array,
  fractions: Fractions,
): Record<Side, CountRange> {
  const samples = rows.length;
  const sorted = new Float64Array(samples);
  for (let at = 0; at < samples; at += 1) sorted[at] = placeOf(rows[at]!);
  sorted.sort();
  let squares = 0;
  for (let first = 0, next = 0; first < samples; first = next) {
    while (next < samples && sorted[next] === sorted[first]) next += 1;
    squares += (next - first) ** 2;
  }
  const range = (side: Side): CountRange => {
    const fraction = fractions[side];
    const spread = 3 * Math.sqrt(squares * fraction * (1 - fraction));
    const mean = samples * fraction;
    return {
      from: Math.max(0, Math.ceil(mean - spread)),
      to: Math.min(samples, Math.floor(mean + spread)),
    };
  };
  return { train: range('train'), validation: range('validation'), test: range('test') };
}

export const isExpected = (
  counts: Readonly<Record<Side, number>>,
  expected: Readonly<Record<Side, CountRange>>,
): boolean =>
  sides.every((side) => expected[side].from <= counts[side] && counts[side] <= expected[side].to);
