/** The learning rate as a pure function of the step. */
import type { TrainingConfig } from '../contract/config.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import { decided } from '../contract/timeline.ts';
import type { Decision } from '../contract/timeline.ts';

/**
 * The rate of step `step` (counted from 0) of `steps`: up from 0 over the warm-up, then constant,
 * down to 0 along half a cosine at the last step's end, or down by Keras's `ExponentialDecay`.
 */
export function learningRateAt(
  { schedule, initial, warmupSteps, decayRate, decaySteps }: TrainingConfig['learningRate'],
  step: number,
  steps: number,
): number {
  if (step < warmupSteps) return (initial * (step + 1)) / warmupSteps;
  if (schedule === 'constant') return initial;
  if (schedule === 'exponential') return initial * decayRate ** ((step - warmupSteps) / decaySteps);
  const share = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return (initial * (1 + Math.cos(Math.PI * share))) / 2;
}

/** What a step's rate depends on. */
interface RateRule {
  readonly training: Pick<TrainingConfig, 'learningRate' | 'epochs'>;
  readonly plan: Pick<TrainingPlan, 'stepsPerEpoch'>;
  readonly timeline: readonly Decision[];
}

/**
 * The rate of a step by the decisions that hold there. A schedule ends with the epochs that are
 * planned by then: it knows of no later extension, and of no stop.
 */
export function decidedRate({ training, plan, timeline }: RateRule, step: number): number {
  const initial = decided(timeline, 'learningRate', step) ?? training.learningRate.initial;
  const epochs = decided(timeline, 'epochs', step) ?? training.epochs;
  const steps = plan.stepsPerEpoch * epochs;
  const scheduled = learningRateAt({ ...training.learningRate, initial }, step, steps);
  return scheduled * (decided(timeline, 'learningRateFactor', step) ?? 1);
}
