/** One durable step: heartbeats while it works, cancellation as an AbortSignal, and errors as typed failures. */
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { mkdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  NightshiftError,
  failureTypeOf,
  isToBeMended,
  isWorthRetrying,
  roomWanted,
} from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import { heartbeatTimeoutMs } from '../contract/timing.ts';

/** What an activity's body is given. */
export interface Step {
  /** Aborts when the run is cancelled, the attempt has timed out, or the worker shuts down. */
  readonly signal: AbortSignal;
  /** A new id at each attempt: what it writes before its commit lies under it. */
  readonly attempt: string;
  /** Details to show in the Temporal UI; sent on with the next heartbeat. */
  report(details: unknown): void;
}

/** Runs an activity's body as a durable step. */
export async function durable<T>(body: (step: Step) => Promise<T>): Promise<T> {
  const context = Context.current();
  let details: unknown;
  const beat = (): void => context.heartbeat(details);
  const timer = setInterval(beat, heartbeatTimeoutMs / 4);
  try {
    return await body({
      signal: context.cancellationSignal,
      attempt: crypto.randomUUID(),
      report(next) {
        details = next;
        beat();
      },
    });
  } catch (error) {
    throw asFailure(error, context.cancellationSignal, context.info.attempt, details);
  } finally {
    clearInterval(timer);
  }
}

/**
 * As above, in a worker whose scratch folder is made again should someone have removed it. A full
 * disk is said to be one, with what is free.
 */
export const durableIn =
  (scratch: string) =>
  <T>(body: (step: Step) => Promise<T>): Promise<T> =>
    durable(async (step) => {
      try {
        await mkdir(scratch, { recursive: true });
        return await body(step);
      } catch (error) {
        const told = error instanceof Error ? roomWanted(error.message) : undefined;
        throw told === undefined ? error : await fullDisk(scratch, told, error);
      }
    });

async function fullDisk(scratch: string, told: string, cause: unknown): Promise<NightshiftError> {
  const { bavail, bsize } = await statfs(dirname(scratch));
  return new NightshiftError(
    'Unavailable',
    `the disk is full: ${Math.floor((bavail * bsize) / 1e6)} MB are free for ${scratch}, which lies in the folder that NIGHTSHIFT_STATE names. Make room there: the run waits, and goes on by itself. (${told})`,
    { details: (cause as { details?: unknown }).details },
  );
}

/**
 * The failure the workflow sees: typed by the error's name, tried again or not by the one table.
 * What the step last reported goes with it, after the error's own details: heartbeats are not kept.
 */
function asFailure(
  error: unknown,
  signal: AbortSignal,
  attempt: number,
  reported: unknown,
): unknown {
  const cause = error instanceof Error ? error : new Error(String(error));
  const type = failureTypeOf(cause);
  // What was lost by it is more than that it was told to stop.
  if (signal.aborted && type !== 'StateNotSaved') return asInterruption(signal.reason, reported);
  if (error instanceof ApplicationFailure) return error;
  return ApplicationFailure.create({
    type,
    message: messageOf(cause),
    nonRetryable: isToBeMended(type) || !isWorthRetrying(type, attempt),
    details: detailsOf('details' in cause ? cause.details : undefined, reported),
    cause,
  });
}

/**
 * Cancelled or timed out: the SDK knows what to make of its own reason. Of a worker that stops it
 * would say that the step did not end in time.
 */
function asInterruption(reason: unknown, reported: unknown): unknown {
  if (!(reason instanceof CancelledFailure)) return reason;
  const details = detailsOf(undefined, reported);
  if (reason.message !== 'WORKER_SHUTDOWN') return new CancelledFailure(reason.message, details);
  const type: FailureType = 'WorkerShutdown';
  return ApplicationFailure.create({
    type,
    message: 'the worker was told to stop; another goes on',
    details,
  });
}

function detailsOf(own: unknown, reported: unknown): unknown[] {
  if (reported !== undefined) return [own ?? null, reported];
  return own === undefined ? [] : [own];
}

/** The message with those of its causes, so that no reader has to unfold them. */
function messageOf(error: Error): string {
  return error.cause instanceof Error
    ? `${error.message}: ${messageOf(error.cause)}`
    : error.message;
}
