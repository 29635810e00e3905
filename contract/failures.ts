/** The failures a user or the workflow can meet, by type, and how long and where each is worth trying again. */

/**
 * `few`: as often as `fewTries` says without progress in between, by whichever worker is free.
 * `once-mended`: as often, but the same step as it is would meet the same: the workflow first takes
 * a decision or makes anew what is broken. The worker is well, and goes on with its trainer warm.
 */
type Retry = 'never' | 'few' | 'once-mended' | 'until-it-passes';

const retries = {
  /** A key, value or combination in the configuration breaks a rule. */
  InvalidConfig: 'never',
  /** The source is not what it should be: wrong hash, wrong layout, not found. */
  InvalidData: 'never',
  /** The store refuses: credentials, permission, no such bucket. */
  StorageAccess: 'never',
  /** The loss is not a finite number. */
  Diverged: 'never',
  /** The shards of an epoch are not there (swept, or never made): they are made again. */
  ShardsMissing: 'once-mended',
  /** This worker computes with other numerics than the run did so far; the workflow decides. */
  NumericsDiffer: 'once-mended',
  /** What a trainer held could not be saved before its process was ended: the run goes on from an older state. */
  StateNotSaved: 'once-mended',
  /** A batch does not fit in memory; in that of a machine that others use, it may later. */
  OutOfMemory: 'few',
  /** The trainer's process ended by itself, or hung. */
  TrainerDied: 'few',
  /** A stored object is not what its manifest says. */
  DamagedObject: 'once-mended',
  /** No name server knows the host of a source: mistyped, or there is no network for a while. */
  UnknownHost: 'few',
  /** The store, a source or room on the local disk can't be had now: an outage must not end a run. */
  Unavailable: 'until-it-passes',
  /** The worker is told to stop; the state is saved and another goes on. */
  WorkerShutdown: 'until-it-passes',
  /** Anything else. */
  Unexpected: 'few',
} as const satisfies Record<string, Retry>;

export type FailureType = keyof typeof retries;

export const fewTries = 8;

/** Whether a step is tried again after it has failed so `tries` times. */
export function isWorthRetrying(type: FailureType, tries: number): boolean {
  const retry = retries[type];
  return retry === 'few' || retry === 'once-mended'
    ? tries < fewTries
    : retry === 'until-it-passes';
}

/** Whether it is of no use to try again before the workflow has mended something. */
export const isToBeMended = (type: FailureType): boolean => retries[type] === 'once-mended';

/** The type that has this name. */
export function failureTypeNamed(name: string | null | undefined): FailureType {
  return name && name in retries ? (name as FailureType) : 'Unexpected';
}

/** As Node and TensorFlow put it when the machine has run out of what others may give back. */
const shortage = /^(ENOSPC|EDQUOT|EMFILE|ENFILE)\b|No space left on device/;

/** What a message says of a full disk, without all that TensorFlow says around it; undefined: nothing. */
export const roomWanted = (message: string): string | undefined =>
  /^(?:ENOSPC|EDQUOT)\b[^\n]*|[^\s;]+; No space left on device/.exec(message)?.[0];

/** As TensorFlow, oneDNN, C++ and Node put it when there is no memory left. */
const noMemory =
  /OOM when allocating|RESOURCE_EXHAUSTED|could not create a primitive|std::bad_alloc|allocation failed|could not allocate/i;

export function failureTypeOf({ name, message }: Error): FailureType {
  if (shortage.test(message)) return 'Unavailable';
  return noMemory.test(message) ? 'OutOfMemory' : failureTypeNamed(name);
}

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
