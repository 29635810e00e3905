/** What an activity's failure says, below what Temporal wraps around it. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TimeoutFailure,
  isCancellation,
} from '@temporalio/workflow';
import { failureTypeNamed } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import type { TrainHeartbeat } from '../contract/progress.ts';
import { rootCause } from './progress.ts';

export interface Problem {
  readonly type: FailureType;
  readonly message: string;
  readonly details: unknown;
  /** How far the attempt is known to have come: the trainer tells, or the last heartbeat of a lost worker. */
  readonly step: number | undefined;
}

/** Anything but an activity's failure, a cancellation too, is thrown on. */
export function problemOf(failure: unknown): Problem {
  if (!(failure instanceof ActivityFailure) || isCancellation(failure)) throw failure;
  const cause = rootCause(failure);
  const isApplication = cause instanceof ApplicationFailure;
  const details: unknown = isApplication ? cause.details?.[0] : undefined;
  const said = cause instanceof TimeoutFailure ? cause.lastHeartbeatDetails : details;
  return {
    type: failureTypeNamed(isApplication ? cause.type : undefined),
    message: cause.message,
    details,
    step: (said as Partial<TrainHeartbeat> | null | undefined)?.step,
  };
}

/** How long a segment that failed, or was broken off, is known to have held a trainer; 0: it never had one. */
export function trainerSecondsOf(failure: unknown): number {
  const cause = failure instanceof ActivityFailure ? failure.cause : undefined;
  let reported: unknown;
  if (cause instanceof TimeoutFailure) reported = cause.lastHeartbeatDetails;
  if (cause instanceof ApplicationFailure || cause instanceof CancelledFailure) {
    reported = cause.details?.[1];
  }
  return (reported as Partial<TrainHeartbeat> | null | undefined)?.trainerSeconds ?? 0;
}

/** Whether it is a failure of this type: an activity's, or the workflow's own. */
export function isOfType(failure: unknown, type: FailureType): boolean {
  const cause = failure instanceof ActivityFailure ? rootCause(failure) : failure;
  return cause instanceof ApplicationFailure && failureTypeNamed(cause.type) === type;
}

/** No worker took the task: that which was preferred is gone. */
export function isNotStarted(failure: unknown): boolean {
  if (!(failure instanceof ActivityFailure)) return false;
  const { cause } = failure;
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}
