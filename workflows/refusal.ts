/** How a run refuses an update: whoever sent it is told why. */
import { ApplicationFailure } from '@temporalio/workflow';

export const refusal = (problem: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(problem, 'InvalidUpdate');

export function refuseIf(holds: boolean | undefined, problem: string): void {
  if (holds) throw refusal(problem);
}
