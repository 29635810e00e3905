/** What an activity's failure says, below what Temporal wraps around it. */
import {
  ActivityFailure,
  ApplicationFailure,
  TimeoutFailure,
  isCancellation,
} from '@temporalio/workflow';
import { failureTypeNamed } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import { rootCause } from './progress.ts';

export interface Problem {
  readonly type: FailureType;
  readonly message: string;
  readonly details: unknown;
}

/** Anything but an activity's failure, a cancellation too, is thrown on. */
export function problemOf(failure: unknown): Problem {
  if (!(failure instanceof ActivityFailure) || isCancellation(failure)) throw failure;
  const cause = rootCause(failure);
  return {
    type: failureTypeNamed(cause instanceof ApplicationFailure ? cause.type : undefined),
    message: cause.message,
    details: cause instanceof ApplicationFailure ? cause.details?.[0] : undefined,
  };
}

/** No worker took the task: that which was preferred is gone. */
export function isNotStarted(failure: unknown): boolean {
  if (!(failure instanceof ActivityFailure)) return false;
  const { cause } = failure;
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}
