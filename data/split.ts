/**
 * Which sample lies on which side: by its content or its group alone, so that data that is added
 * moves no old sample, and equal images lie on one side; or as the source itself has it.
 */
import type { Config } from '../contract/config.ts';
import { NightshiftError } from '../contract/failures.ts';
import { sides } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import { sha256 } from './digest.ts';
import { noSide, settleDuplicates } from './duplicates.ts';
import type { Duplicates } from './duplicates.ts';
import { expectedCounts } from './expected-counts.ts';
import type { CountRange } from './expected-counts.ts';
import { findNearDuplicates } from './near-duplicates.ts';
import type { NearDuplicates } from './near-duplicates.ts';
import type { Sample } from './sample-list.ts';
import { createSampleTable } from './sample-table.ts';
import type { SampleTable } from './sample-table.ts';
import { groupPlacing, ownSides, placeOf, sideAt } from './sides.ts';

export type SplitRules = Pick<Config['dataset'], 'split' | 'groupBy' | 'limit' | 'classes'>;

export interface Split {
  /** Those that are taken; a sample's label is its class's place among them. */
  readonly classes: readonly string[];
  readonly samples: Record<Side, number>;
  /** Samples of each class, in the order of `classes`. */
  readonly samplesByClass: Record<Side, number[]>;
  /** What chance gives each side; null where the source says itself. */
  readonly expected: Record<Side, CountRange> | null;
  readonly duplicates: Duplicates;
  /** null: the dataset does not say what its images look like. */
  readonly nearDuplicates: NearDuplicates | null;
  /** A side's samples in the order of their contents' hashes, which is random and stable. */
  read(side: Side): Generator<Sample>;
}

/** The classes of a dataset that are taken, in its own order. Throws `InvalidData` on one that it does not have. */
export function chooseClasses(
  all: readonly string[],
  wanted: readonly string[] | undefined,
): string[] {
  const unknown = wanted?.filter((name) => !all.includes(name)) ?? [];
  if (unknown.length > 0) {
    throw new NightshiftError(
      'InvalidData',
      `dataset.classes: the dataset has no class '${unknown.join("', '")}'; it has ${listed(all)}`,
    );
  }
  return wanted ? all.filter((name) => wanted.includes(name)) : [...all];
}

/** So that a message stays readable with a thousand classes. */
const listed = (names: readonly string[]): string =>
  names.length > 20
    ? `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`
    : names.join(', ');

export interface OpenSplit {
  add(sample: Sample): void;
  end(): Split;
}

/**
 * Puts each of at most `most` samples on a side; `limit` first takes that many, in equal parts from
 * each class, by a second hash that says nothing of the first. Throws `InvalidData` when the samples
 * can't be divided so, a side is empty, or a class has no training sample.
 */
export function openSplit(
  rules: SplitRules,
  allClasses: readonly string[],
  most: number,
): OpenSplit {
  const classes = chooseClasses(allClasses, rules.classes);
  const labels = allClasses.map((name) => classes.indexOf(name));
  const placeOfGroup = rules.groupBy === undefined ? undefined : groupPlacing(rules.groupBy);
  const table = createSampleTable(most);
  const places = new Float64Array(placeOfGroup ? most : 0);
  return {
    add(sample) {
      const label = labels[sample.label]!;
      if (label < 0) return;
      if (placeOfGroup) places[table.count] = placeOfGroup(sample);
      table.add({ ...sample, label });
    },
    end: () => divide(table, placeOfGroup ? (row) => places[row]! : table.place, classes, rules),
  };
}

function divide(
  table: SampleTable,
  place: (row: number) => number,
  classes: readonly string[],
  rules: SplitRules,
): Split {
  const whole = table.byContent();
  const order =
    rules.limit === undefined ? whole : takeEvenly(table, whole, classes.length, rules.limit);
  const sideOf = siding(table, rules);
  const side = new Uint8Array(table.count).fill(noSide);
  for (const row of order) side[row] = sides.indexOf(sideOf(row, place(row)));
  const expected = rules.split === 'own' ? null : expectedCounts(place, order, rules.split);
  const duplicates = settleDuplicates(table, order, side);
  const rows = bySide((_, index) => order.filter((row) => side[row] === index));
  const samplesByClass = bySide((name) => {
    const counts = classes.map(() => 0);
    for (const row of rows[name]) counts[table.label(row)]! += 1;
    return counts;
  });
  refuseGaps(samplesByClass, classes, order.length);
  const nearDuplicates = findNearDuplicates(table, order, side);
  return {
    classes,
    samples: bySide((name) => rows[name].length),
    samplesByClass,
    expected,
    duplicates,
    nearDuplicates: nearDuplicates ?? null,
    *read(name) {
      for (const row of rows[name]) yield table.read(row);
    },
  };
}

export function bySide<T>(value: (side: Side, index: number) => T): Record<Side, T> {
  const [train, validation, test] = sides.map(value) as [T, T, T];
  return { train, validation, test };
}

/** What tells a row's side from its place. */
function siding(table: SampleTable, { split }: SplitRules): (row: number, place: number) => Side {
  if (split !== 'own') return (_, place) => sideAt(place, split);
  const counts = { train: 0, validation: 0, test: 0 };
  for (let row = 0; row < table.count; row += 1) {
    const own = table.side(row);
    if (own) counts[own] += 1;
  }
  const own = ownSides(counts, table.count);
  return (row, place) => own(table.side(row)!, place);
}

/** `limit` rows, from each class as many; what a small class lacks, the larger ones give. */
function takeEvenly(
  table: SampleTable,
  order: Uint32Array,
  classes: number,
  limit: number,
): Uint32Array {
  const rank = new Float64Array(table.count);
  for (const row of order) rank[row] = placeOf(sha256(`limit ${table.content(row)}`));
  const rowsOf = Array.from({ length: classes }, (): number[] => []);
  for (const row of order) rowsOf[table.label(row)]!.push(row);
  const byClass = rowsOf.toSorted((a, b) => a.length - b.length);
  const isTaken = new Uint8Array(table.count);
  let left = limit;
  byClass.forEach((rows, index) => {
    rows.sort((a, b) => rank[a]! - rank[b]!);
    const part = rows.slice(0, Math.floor(left / (classes - index)));
    for (const row of part) isTaken[row] = 1;
    left -= part.length;
  });
  return order.filter((row) => isTaken[row] === 1);
}

function refuseGaps(
  samplesByClass: Readonly<Record<Side, readonly number[]>>,
  classes: readonly string[],
  samples: number,
): void {
  const remedy =
    "take more images ('dataset.limit', 'dataset.source') or other fractions ('dataset.split')";
  for (const side of sides) {
    if (samplesByClass[side].some((count) => count > 0)) continue;
    throw new NightshiftError(
      'InvalidData',
      `the ${side} side of the split is empty: ${samples} samples are too few; ${remedy}`,
    );
  }
  classes.forEach((name, label) => {
    const { train, validation, test } = bySide((side) => samplesByClass[side][label]!);
    if (train > 0) return;
    throw new NightshiftError(
      'InvalidData',
      `class '${name}' has no training sample (train ${train}, validation ${validation}, test ${test}); ${remedy}`,
    );
  });
}
