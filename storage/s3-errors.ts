/** From what the SDK, the network and the server say to the errors of store.ts. */
import {
  DamagedObject,
  ObjectNotFound,
  PreconditionFailed,
  StorageAccessError,
  TransientStorageError,
} from './store.ts';
import type { ObjectPlace } from './store.ts';

interface ServiceError extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

/** Names by which a server or the SDK says that asking again will get the same answer. */
const accessErrors = new Set([
  'AccessDenied',
  'AccountProblem',
  'AllAccessDisabled',
  'AuthorizationHeaderMalformed',
  'BucketAlreadyExists', // another account's
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidBucketName',
  'InvalidToken',
  'NoSuchBucket',
  'PermanentRedirect',
  'SignatureDoesNotMatch',
  'XAdminUserNotFound', // versitygw, for an unknown access key
]);

/** What passes although its status is a 4xx: a body hurt on the way, a request that took too long, a clock put right. */
const passingErrors = new Set([
  'BadDigest',
  'IncompleteBody',
  'NoSuchUpload', // swept or aborted under our hands: all of it can be sent again
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'TimeoutError',
  'XAmzContentChecksumMismatch',
]);

const networkErrors = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
]);

/** As Node and the SDK's checksum stream put it. */
const brokenBody = /^(aborted$|Connection lost or stream closed)/;

/** A write that met another one; the SDK does not retry it. */
export const isConflict = (error: unknown): boolean => statusOf(error) === 409;

/** Whether the SDK sent the request more than once: then the first may have taken, unheard of. */
export const wasRepeated = (error: unknown): boolean =>
  ((error as ServiceError).$metadata?.attempts ?? 1) > 1;

/**
 * The error to throw. A signal's abort comes out as the signal's reason; what is not the store's
 * doing (a full local disk, a defect) comes out as it is.
 */
export function translate(
  error: unknown,
  place: ObjectPlace,
  options: { signal?: AbortSignal | undefined; condition?: string | undefined } = {},
): unknown {
  if (options.signal?.aborted) return options.signal.reason;
  if (!(error instanceof Error)) return error;
  const { name, message, code } = error as ServiceError;
  const status = statusOf(error);
  const saying = `${status === undefined ? '' : `HTTP ${status} `}${code ?? name}: ${message}`;

  if (name.startsWith('Checksum mismatch') || message.startsWith('Checksum mismatch')) {
    return new DamagedObject(place, message, { cause: error });
  }
  if (accessErrors.has(name)) {
    return new StorageAccessError(place, `the store refuses (${saying})`, { cause: error });
  }
  if (passingErrors.has(name) || networkErrors.has(code ?? '') || brokenBody.test(message)) {
    return new TransientStorageError(place, `no answer from the store (${saying})`, {
      cause: error,
    });
  }
  // Some servers answer If-Match on an absent key with 404, some with 412.
  if (options.condition !== undefined && (status === 412 || status === 404)) {
    return new PreconditionFailed(place, options.condition, { cause: error });
  }
  if (status === undefined) return error;
  if (status === 404) return new ObjectNotFound(place, { cause: error });
  if (status >= 500 || status === 429 || status === 409) {
    return new TransientStorageError(place, `the store fails (${saying})`, { cause: error });
  }
  return new StorageAccessError(place, `the store refuses (${saying})`, { cause: error });
}

function statusOf(error: unknown): number | undefined {
  return (error as ServiceError).$metadata?.httpStatusCode;
}
