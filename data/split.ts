/**
 * Which sample lies on which side, by its content alone: so data that is added moves no old
 * sample, and equal images lie on one side.
 */
import { NightshiftError } from '../contract/failures.ts';
import { sides } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import { sha256 } from './digest.ts';
import type { Sample } from './sample-list.ts';

export type Fractions = Readonly<Record<Side, number>>;

/**
 * Puts each sample on the side its content's hash falls on; `limit` first takes that many, in
 * equal parts from each class, by a second hash that says nothing of the first. Each side is in
 * the order of its hashes, which is random and stable. Throws `InvalidData` when a side is empty,
 * or a class has no training sample.
 */
export function splitSamples(
  samples: readonly Sample[],
  classes: readonly string[],
  fractions: Fractions,
  limit?: number,
): Record<Side, Sample[]> {
  const split: Record<Side, Sample[]> = { train: [], validation: [], test: [] };
  const taken = limit === undefined ? samples : takeEvenly(samples, classes.length, limit);
  for (const sample of taken) split[sideOf(sample.sha256, fractions)].push(sample);
  for (const side of sides) split[side].sort(byHash);
  refuseGaps(split, classes, taken.length);
  return split;
}

/** The side of a content: its hash as a number in [0, 1), held against the fractions. */
export function sideOf(contentSha256: string, { train, validation }: Fractions): Side {
  const at = Number.parseInt(contentSha256.slice(0, 13), 16) / 2 ** 52;
  if (at < train) return 'train';
  return at < train + validation ? 'validation' : 'test';
}

/** `limit` samples, from each class as many; what a small class lacks, the larger ones give. */
function takeEvenly(samples: readonly Sample[], classes: number, limit: number): Sample[] {
  const byClass = Array.from({ length: classes }, (): { rank: string; sample: Sample }[] => []);
  for (const sample of samples) {
    byClass[sample.label]!.push({ rank: sha256(`limit ${sample.sha256}`), sample });
  }
  byClass.sort((a, b) => a.length - b.length);
  const taken: Sample[] = [];
  byClass.forEach((ranked, index) => {
    const part = Math.floor((limit - taken.length) / (classes - index));
    ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
    taken.push(...ranked.slice(0, part).map(({ sample }) => sample));
  });
  return taken;
}

/** Equal contents by id, so that the order never depends on how the samples came. */
function byHash(a: Sample, b: Sample): number {
  if (a.sha256 !== b.sha256) return a.sha256 < b.sha256 ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function refuseGaps(
  split: Record<Side, Sample[]>,
  classes: readonly string[],
  samples: number,
): void {
  const remedy =
    "take more images ('dataset.limit', 'dataset.source') or other fractions ('dataset.split')";
  for (const side of sides) {
    if (split[side].length > 0) continue;
    throw new NightshiftError(
      'InvalidData',
      `the ${side} side of the split is empty: ${samples} samples are too few; ${remedy}`,
    );
  }
  classes.forEach((name, label) => {
    const counts = sides.map((side) => split[side].filter((row) => row.label === label).length);
    if (counts[0]! > 0) return;
    throw new NightshiftError(
      'InvalidData',
      `class '${name}' has no training sample (train ${counts[0]}, validation ${counts[1]}, test ${counts[2]}); ${remedy}`,
    );
  });
}
