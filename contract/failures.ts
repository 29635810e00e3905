/** The failures a user or the workflow can meet, by type, and which of them a retry can't mend. */

export const failureTypes = {
  /** A key, value or combination in the configuration breaks a rule. */
  InvalidConfig: { retryable: false },
  /** The source is not what it should be: wrong hash, wrong layout, not found. */
  InvalidData: { retryable: false },
  /** The store refuses: credentials, permission, no such bucket. */
  StorageAccess: { retryable: false },
  /** The loss is not a finite number. */
  Diverged: { retryable: false },
  /** The shards of an epoch are not there (swept, or never made): they are made again. */
  ShardsMissing: { retryable: true },
  /** This worker computes with other numerics than the run did so far; the workflow decides. */
  NumericsDiffer: { retryable: true },
  /** The trainer's process ended by itself, or hung. */
  TrainerDied: { retryable: true },
  /** A stored object is not what its manifest says. */
  DamagedObject: { retryable: true },
  /** The worker is told to stop; the state is saved and another goes on. */
  WorkerShutdown: { retryable: true },
  /** Anything else. */
  Unexpected: { retryable: true },
} as const;

export type FailureType = keyof typeof failureTypes;

/** For retry policies: the types that end a stage at once. */
export const nonRetryableFailures: FailureType[] = (
  Object.keys(failureTypes) as FailureType[]
).filter((type) => !failureTypes[type].retryable);

/** An error that already knows its type; `details` travel with the failure to the workflow. */
export class NightshiftError extends Error {
  readonly type: FailureType;
  readonly details: unknown;
  constructor(
    type: FailureType,
    message: string,
    options: { cause?: unknown; details?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = type;
    this.type = type;
    this.details = options.details;
  }
}
