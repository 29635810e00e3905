/** What came out of a split, as a line that a user reads. */
import { sides } from '../contract/manifests.ts';
import type { SplitManifest } from '../contract/manifests.ts';

export function splitNote(split: SplitManifest): string {
  const { samples, duplicates, nearDuplicates } = split;
  const { copies, leftOut, contradictions } = duplicates;
  const parts = [sides.map((side) => `${side} ${count(samples[side])}`).join(', ')];
  parts[0] += ` (${againstExpected(split)})`;
  if (copies > 0) parts.push(`${count(copies)} copies of other images`);
  if (leftOut > 0) parts.push(`${count(leftOut)} of them left out, as another side has the image`);
  if (contradictions > 0) parts.push(`${count(contradictions)} images under more than one class`);
  if (nearDuplicates && nearDuplicates.pairs > 0) {
    parts.push(`${count(nearDuplicates.pairs)} pairs of near duplicates across sides`);
  }
  return parts.join('; ');
}

function againstExpected({ expected, asExpected }: SplitManifest): string {
  if (!expected) return "the source's own split";
  const ranges = sides.map((side) => `${count(expected[side].from)}-${count(expected[side].to)}`);
  return `${asExpected ? 'within' : 'outside'} what chance gives: ${ranges.join(', ')}`;
}

const count = (value: number): string => value.toLocaleString('en');
