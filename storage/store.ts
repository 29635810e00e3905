/** What the project asks of an object store, and how a store says no. */
import { NightshiftError } from '../contract/failures.ts';

/** How long one call may take is the caller's matter: when `signal` aborts, the call rejects with its reason. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface TransferOptions extends CallOptions {
  /** Called with the bytes moved so far. After a fault on the way it starts again from a smaller number. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface ToFileOptions extends TransferOptions {
  /** What the bytes must come to. */
  readonly sha256?: string | undefined;
}

/** At most one of the two conditions. Neither: overwrite whatever is there. */
export interface PutOptions extends CallOptions {
  /** Only when the key holds nothing. */
  readonly ifNoneMatch?: '*' | undefined;
  /** Only when the key still holds the object of this ETag. */
  readonly ifMatch?: string | undefined;
  readonly contentType?: string | undefined;
}

/** ETags are opaque: good for conditions, not a hash of anything. The same bytes written again may bring the same one back. */
export interface ObjectHead {
  readonly size: number;
  readonly etag: string;
  readonly lastModified: Date;
}

export interface ListedObject extends ObjectHead {
  readonly key: string;
}

/**
 * One bucket. A write is all or nothing, and a read that starts after it sees it. Faults that pass
 * (5xx, resets, stalls, throttling) are retried inside.
 *
 * Every call may throw `TransientStorageError` (retries are used up) and `StorageAccessError`
 * (a retry can't help); reads also `ObjectNotFound`, and `DamagedObject` when the bytes are not
 * those of the checksum the store keeps.
 */
export interface ObjectStore {
  readonly bucket: string;

  get(key: string, options?: CallOptions): Promise<{ bytes: Uint8Array; etag: string }>;
  /** `length` bytes from `offset` on; fewer at the object's end. Not covered by the store's checksum. */
  getRange(
    key: string,
    range: { offset: number; length: number },
    options?: CallOptions,
  ): Promise<Uint8Array>;
  /** Streams to `path`, which is there only when it is whole. */
  getToFile(
    key: string,
    path: string,
    options?: ToFileOptions,
  ): Promise<{ size: number; sha256: string }>;
  /** Reads all of an object and keeps none of it. */
  digest(key: string, options?: TransferOptions): Promise<{ size: number; sha256: string }>;
  head(key: string, options?: CallOptions): Promise<ObjectHead | undefined>;

  /** Throws `PreconditionFailed` when the condition does not hold; a write whose reply was lost is known as one's own. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<{ etag: string }>;
  /** Streams from `path`; hash and size are those of the bytes sent. */
  putFile(
    key: string,
    path: string,
    options?: TransferOptions,
  ): Promise<{ size: number; sha256: string; etag: string }>;

  /** Every key that starts with `prefix`, in no order to rely on. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject>;
  /** A key that holds nothing is no error. */
  delete(keys: readonly string[], options?: CallOptions): Promise<void>;

  /** Ends the uploads in parts that began before `date` and never ended; returns how many. */
  abortUploadsBefore(date: Date, options?: CallOptions): Promise<number>;

  /** Lets go of the store's connections. */
  close(): void;
}

/** Where an error happened. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

const at = (place: ObjectPlace): string => `s3://${place.bucket}/${place.key}`;

export class ObjectNotFound extends Error implements ObjectPlace {
  readonly bucket: string;
  readonly key: string;
  constructor(place: ObjectPlace, options?: ErrorOptions) {
    super(`${at(place)}: no such object`, options);
    this.name = 'ObjectNotFound';
    this.bucket = place.bucket;
    this.key = place.key;
  }
}

/** Another writer was there first. */
export class PreconditionFailed extends Error implements ObjectPlace {
  readonly bucket: string;
  readonly key: string;
  constructor(place: ObjectPlace, condition: string, options?: ErrorOptions) {
    super(`${at(place)}: not written, for ${condition} does not hold`, options);
    this.name = 'PreconditionFailed';
    this.bucket = place.bucket;
    this.key = place.key;
  }
}

/** The store did not answer, or not with a result, however often it was asked. Later it may. */
export class TransientStorageError extends NightshiftError implements ObjectPlace {
  readonly bucket: string;
  readonly key: string;
  constructor(place: ObjectPlace, problem: string, options?: ErrorOptions) {
    super('Unavailable', `${at(place)}: ${problem}`, options);
    this.bucket = place.bucket;
    this.key = place.key;
  }
}

/** Credentials, permission or bucket are wrong: only a person can mend that. */
export class StorageAccessError extends NightshiftError implements ObjectPlace {
  readonly bucket: string;
  readonly key: string;
  constructor(place: ObjectPlace, problem: string, options?: ErrorOptions) {
    super('StorageAccess', `${at(place)}: ${problem}`, options);
    this.bucket = place.bucket;
    this.key = place.key;
  }
}

/** A stored object is not what its checksum, its manifest or its schema says. */
export class DamagedObject extends NightshiftError implements ObjectPlace {
  readonly bucket: string;
  readonly key: string;
  /** The manifest that names the object, where one does. */
  readonly manifestKey: string | undefined;
  /** What was found, what was expected. */
  readonly problem: string;
  /** The ETag of the damaged bytes, where they were read: the condition to replace them by. */
  readonly etag: string | undefined;
  constructor(
    place: ObjectPlace,
    problem: string,
    options: ErrorOptions & { manifestKey?: string; etag?: string | undefined } = {},
  ) {
    const namedBy = options.manifestKey === undefined ? '' : ` (named by ${options.manifestKey})`;
    super('DamagedObject', `${at(place)}${namedBy}: ${problem}`, options);
    this.bucket = place.bucket;
    this.key = place.key;
    this.manifestKey = options.manifestKey;
    this.problem = problem;
    this.etag = options.etag;
  }
}
