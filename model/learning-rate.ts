/** The learning rate as a pure function of the step. */
import type { TrainingConfig } from '../contract/config.ts';

/**
 * The rate of step `step` (counted from 0) of `steps`: up from 0 over the warm-up, then constant,
 * or down to 0 along half a cosine at the last step's end.
 */
export function learningRateAt(
  { schedule, initial, warmupSteps }: TrainingConfig['learningRate'],
  step: number,
  steps: number,
): number {
  if (step < warmupSteps) return (initial * (step + 1)) / warmupSteps;
  if (schedule === 'constant') return initial;
  const share = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return (initial * (1 + Math.cos(Math.PI * share))) / 2;
}
