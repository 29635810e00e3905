/** The learning rate as a pure function of the step. */
import type { TrainingConfig } from '../contract/config.ts';

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
