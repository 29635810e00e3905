/** The side of each sample: by the hash of its content or of its group, or by the source's own word. */
import { NightshiftError } from '../contract/failures.ts';
import type { Side } from '../contract/manifests.ts';
import { sha256 } from './digest.ts';
import type { Sample } from './sample-list.ts';

export type Fractions = Readonly<Record<Side, number>>;

/** Where a source has no validation side, this share of its training samples becomes it. */
export const heldOutOfTraining = 0.1;

/** A hash as a number in [0, 1). */
export const placeOf = (hash: string): number => Number.parseInt(hash.slice(0, 13), 16) / 2 ** 52;

/** The side of a place in [0, 1), held against the fractions. */
export function sideAt(place: number, { train, validation }: Fractions): Side {
  if (place < train) return 'train';
  return place < train + validation ? 'validation' : 'test';
}

/**
 * The place of a sample's group instead of its content's: by the hash of the group's name, which the
 * source says (`groupBy` is `group`), or which a pattern's group finds in the id.
 */
export function groupPlacing(groupBy: string): (sample: Sample) => number {
  const pattern = groupBy === 'group' ? undefined : new RegExp(groupBy, 'u');
  return ({ id, group }) => {
    const name = pattern ? pattern.exec(id)?.[1] : group;
    if (name !== undefined) return placeOf(sha256(`group ${name}`));
    throw new NightshiftError(
      'InvalidData',
      pattern
        ? `dataset.groupBy: '${groupBy}' finds no group in the id '${id}'; give a pattern that fits every id`
        : `dataset.groupBy: the source names no group for image '${id}'; give each image one, or a pattern that finds it in the ids`,
    );
  };
}

/**
 * The sides of a source that is divided itself. All three stay as they are. Of two, the one that is
 * not for training becomes the test side, as results are published on it, and a tenth of the
 * training samples, by their places, becomes the validation side. Throws `InvalidData` when the
 * source does not give that.
 */
export function ownSides(
  counts: Readonly<Record<Side, number>>,
  samples: number,
): (own: Side, place: number) => Side {
  const { train, validation, test } = counts;
  const has = `the source has ${train} images for training, ${validation} for validation, ${test} for testing, and ${samples - train - validation - test} on no side`;
  if (train + validation + test < samples || train === 0 || validation + test === 0) {
    throw new NightshiftError(
      'InvalidData',
      `dataset.split: 'own' takes a source that is divided into training and other images, but ${has}; give fractions instead`,
    );
  }
  if (validation > 0 && test > 0) return (own) => own;
  return (own, place) => {
    if (own !== 'train') return 'test';
    return place < heldOutOfTraining ? 'validation' : 'train';
  };
}
