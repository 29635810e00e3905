/** The gate before a promotion: whether a candidate does well enough, by itself and beside the champion. Pure. */
import { z } from 'zod';

/** One rule: what was measured, what it must keep to, and both in words. Shares are in [0, 1]. */
const ruleSchema = z.strictObject({
  rule: z.enum(['validation', 'accuracy', 'class floor', 'classes', 'margin', 'McNemar']),
  measured: z.number(),
  limit: z.number(),
  passed: z.boolean(),
  text: z.string(),
});
export type GateRule = z.infer<typeof ruleSchema>;

/** What the gate found. */
export const gateSchema = z.strictObject({
  passed: z.boolean(),
  /** Test images. */
  samples: z.int().min(0),
  /** Every rule that was applied, whether or not one before it failed. */
  rules: z.array(ruleSchema).readonly(),
});
export type Gate = z.infer<typeof gateSchema>;

export interface GateLimits {
  /** Of the best validation, `training.minAccuracy` and what it came to; undefined: any will do. */
  readonly validation?: { readonly least: number; readonly accuracy: number } | undefined;
  /** The least accuracy. */
  readonly minAccuracy: number;
  /** The most that the candidate's accuracy may lie below the champion's. */
  readonly margin: number;
  /** The probability of chance alone below which the champion counts as the better one. */
  readonly level: number;
  /** The least share of the images of any class that are recognised. */
  readonly classFloor: number;
}

/** One test image, and whether it was recognised. */
export interface Judged {
  readonly label: string;
  readonly right: boolean;
}

/**
 * `champion`: what it made of the same images, in the same order; null: there is none. One that
 * knows other classes can't be compared, and only a person can replace it.
 */
export function evaluateGate(
  limits: GateLimits,
  candidate: readonly Judged[],
  champion: readonly Judged[] | 'of other classes' | null,
): Gate {
  const rules = [...ownRules(limits, candidate)];
  if (champion === 'of other classes') rules.push(otherClasses);
  else if (champion) rules.push(...pairedRules(limits, candidate, champion));
  return { passed: rules.every(({ passed }) => passed), samples: candidate.length, rules };
}

function* ownRules(
  { validation, minAccuracy, classFloor }: GateLimits,
  candidate: readonly Judged[],
): Generator<GateRule> {
  if (validation) {
    const { least, accuracy: measured } = validation;
    yield {
      ...{ rule: 'validation', measured, limit: least },
      passed: measured >= least,
      text: `best validation accuracy ${percent(measured)}, at least ${percent(least)}`,
    };
  }
  const accuracy = accuracyOf(candidate);
  yield {
    ...{ rule: 'accuracy', measured: accuracy, limit: minAccuracy },
    passed: accuracy >= minAccuracy,
    text: `test accuracy ${percent(accuracy)}, at least ${percent(minAccuracy)}`,
  };
  const byClass = new Map<string, Judged[]>();
  for (const { label } of candidate) byClass.set(label, []);
  for (const one of candidate) byClass.get(one.label)!.push(one);
  const worst = [...byClass]
    .map(([label, images]) => ({ label, share: accuracyOf(images) }))
    .reduce((least, one) => (one.share < least.share ? one : least));
  yield {
    ...{ rule: 'class floor', measured: worst.share, limit: classFloor },
    passed: worst.share >= classFloor,
    text: `of class ${worst.label}, the worst, ${percent(worst.share)} recognised, at least ${percent(classFloor)}`,
  };
}

const otherClasses: GateRule = {
  ...{ rule: 'classes', measured: 0, limit: 1, passed: false },
  text: 'the champion knows other classes, and can not be compared: promote by hand if the candidate is to follow it',
};

function* pairedRules(
  { margin, level }: GateLimits,
  candidate: readonly Judged[],
  champion: readonly Judged[],
): Generator<GateRule> {
  const [own, its] = [accuracyOf(candidate), accuracyOf(champion)];
  yield {
    ...{ rule: 'margin', measured: its - own, limit: margin },
    // Of equal numbers of images the shares may differ in their last bit.
    passed: its - own <= margin + 1e-9,
    text: `${percent(Math.abs(its - own))} ${own < its ? 'below' : 'above'} the champion's ${percent(its)}, at most ${percent(margin)} below`,
  };
  const count = (holds: (index: number) => boolean): number =>
    candidate.filter((_, index) => holds(index)).length;
  const championOnly = count((index) => champion[index]!.right && !candidate[index]!.right);
  const candidateOnly = count((index) => candidate[index]!.right && !champion[index]!.right);
  const p = chanceOfSoMany(championOnly, candidateOnly);
  yield {
    ...{ rule: 'McNemar', measured: p, limit: level },
    passed: p >= level,
    text: `${championOnly} images only the champion recognises, ${candidateOnly} only the candidate: by chance in ${percent(p)} of cases, at least ${percent(level)}`,
  };
}

/**
 * McNemar's exact test, to one side: how probable it is that of the images on which two equally
 * good models differ, the first one has so many, or more.
 */
export function chanceOfSoMany(first: number, second: number): number {
  const differ = first + second;
  let logTerm = -differ * Math.LN2; // of (differ choose 0) / 2^differ
  let sum = 0;
  for (let wins = 0; wins <= differ; wins += 1) {
    if (wins >= first) sum += Math.exp(logTerm);
    logTerm += Math.log(differ - wins) - Math.log(wins + 1);
  }
  return Math.min(1, sum);
}

const accuracyOf = (images: readonly Judged[]): number =>
  images.filter(({ right }) => right).length / images.length;

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
