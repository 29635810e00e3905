/** What is decided from validations: the best state, when the learning rate goes down, and when training ends. Pure. */
import { z } from 'zod';

/** A validation as far as decisions go by it; accuracy in [0, 1]. */
const measuredSchema = z.strictObject({ step: z.int().min(0), accuracy: z.number() });
export type Measured = z.infer<typeof measuredSchema>;

/** `training.plateau` of the configuration. */
export interface PlateauRule {
  /** Validations without a better one. */
  readonly patience: number;
  /** What the learning rate is multiplied by. */
  readonly factor: number;
  /** What counts as better: by more than this. */
  readonly minDelta: number;
}

/** All that a decision depends on: a function of the validations so far, never kept elsewhere. */
export const controllerStateSchema = z.strictObject({
  best: measuredSchema.nullable(),
  /** Validations since the best one, or since the rate went down after it. */
  patience: z.int().min(0),
  /** Multiplies the scheduled learning rate. */
  learningRateFactor: z.number(),
});
export type ControllerState = z.infer<typeof controllerStateSchema>;

const initial: ControllerState = { best: null, patience: 0, learningRateFactor: 1 };

/** Where a rule begins that another run did not have: the last step before, and the factor decided by then. */
export interface RuleBegin {
  readonly step: number;
  readonly learningRateFactor: number;
}

/** The state after these validations, in the order of their steps; without `begin` the rule holds for all. */
export function controllerAfter(
  validations: readonly Measured[],
  plateau: PlateauRule | undefined,
  begin: RuleBegin = { step: 0, learningRateFactor: 1 },
): ControllerState {
  const after = (
    state: ControllerState,
    among: readonly Measured[],
    rule: PlateauRule | undefined,
  ): ControllerState => among.reduce((so, validation) => advance(so, validation, rule), state);
  const { step: from, learningRateFactor } = begin;
  const before = validations.filter(({ step }) => step <= from);
  const since = validations.filter(({ step }) => step > from);
  const { best } = after(initial, before, undefined);
  return after({ best, patience: 0, learningRateFactor }, since, plateau);
}

function advance(
  { best, patience, learningRateFactor }: ControllerState,
  { step, accuracy }: Measured,
  plateau: PlateauRule | undefined,
): ControllerState {
  const minDelta = plateau?.minDelta ?? 0;
  if (best === null || accuracy > best.accuracy + minDelta) {
    return { best: { step, accuracy }, patience: 0, learningRateFactor };
  }
  if (plateau === undefined || patience + 1 < plateau.patience) {
    return { best, patience: patience + 1, learningRateFactor };
  }
  return { best, patience: 0, learningRateFactor: learningRateFactor * plateau.factor };
}

/** `training.earlyStop` and `training.target` of the configuration. */
export interface EndRules {
  readonly earlyStop?: Pick<PlateauRule, 'patience' | 'minDelta'> | undefined;
  /** The accuracy that is enough. */
  readonly target?: number | undefined;
}

/**
 * Why training ends with the last of these validations; undefined: it goes on. Those up to `from`
 * can be the best, but no patience was lost with them.
 */
export function endAfter(
  validations: readonly Measured[],
  { earlyStop, target = Infinity }: EndRules,
  from = 0,
): 'target' | 'early stop' | undefined {
  if (validations.at(-1)!.accuracy >= target) return 'target';
  if (!earlyStop) return undefined;
  const { minDelta } = earlyStop;
  // A rate that is never lowered: all since the best one are counted.
  const counting = { minDelta, patience: Infinity, factor: 1 };
  const { patience } = controllerAfter(validations, counting, {
    step: from,
    learningRateFactor: 1,
  });
  return patience >= earlyStop.patience ? 'early stop' : undefined;
}
