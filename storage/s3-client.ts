/** A client of the AWS SDK as the store needs it: with limits on silence, and its bucket made sure of. */
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { translate } from './s3-errors.ts';
import { StorageAccessError } from './store.ts';

/** Credentials left out come from the SDK's own chain: environment, profile, role of the machine. */
export interface S3Settings {
  readonly bucket: string;
  /** Of another server than AWS, with scheme and port. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string }
    | undefined;
  /** Make the bucket when it is not there. */
  readonly createBucket?: boolean | undefined;
  /** Files of a known SHA-256 come by threads: a trainer reads faster, for some 55 MB of memory. */
  readonly downloadThreads?: boolean | undefined;
  readonly limits?: Partial<S3Limits> | undefined;
}

/** Times in milliseconds. The SDK's own defaults are none at all: a stalled server would hold a run for ever. */
export interface S3Limits {
  readonly connectMs: number;
  /** The longest silence within an answer; alone catches a body that stalls. */
  readonly silenceMs: number;
  /** From a request's first byte to its answer's first. */
  readonly answerMs: number;
  /** Tries of one request. */
  readonly attempts: number;
}

const defaultLimits: S3Limits = {
  connectMs: 5_000,
  silenceMs: 30_000,
  answerMs: 120_000,
  attempts: 6,
};

/** A bucket as it is reached. */
export interface S3Bucket {
  readonly client: S3Client;
  readonly bucket: string;
  readonly limits: S3Limits;
}

/** Connects, and makes sure of the bucket. Throws `StorageAccessError` when it is not there or not ours. */
export async function openS3Bucket(settings: S3Settings): Promise<S3Bucket> {
  const limits = { ...defaultLimits, ...settings.limits };
  const client = new S3Client({
    ...(settings.endpoint === undefined
      ? {}
      : { endpoint: settings.endpoint, forcePathStyle: true, region: 'us-east-1' }),
    ...(settings.region === undefined ? {} : { region: settings.region }),
    ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
    maxAttempts: limits.attempts,
    responseChecksumValidation: 'WHEN_REQUIRED', // `readObject` asks for it
    requestHandler: {
      connectionTimeout: limits.connectMs,
      socketTimeout: limits.silenceMs,
      requestTimeout: limits.answerMs,
      throwOnRequestTimeout: true, // without it requestTimeout only logs
    },
  });
  leaveBodiesUnsigned(client);
  try {
    await ensureBucket(client, settings);
  } catch (error) {
    client.destroy();
    throw error;
  }
  return { client, bucket: settings.bucket, limits };
}

async function ensureBucket(client: S3Client, settings: S3Settings): Promise<void> {
  const Bucket = settings.bucket;
  const place = { bucket: Bucket, key: '' };
  try {
    await client.send(new HeadBucketCommand({ Bucket }));
  } catch (error) {
    if ((error as Error).name !== 'NotFound') throw translate(error, place);
    if (!settings.createBucket) {
      throw new StorageAccessError(place, 'there is no such bucket', { cause: error });
    }
    await client.send(new CreateBucketCommand({ Bucket })).catch((failure: unknown) => {
      // Another process was faster.
      if ((failure as Error).name !== 'BucketAlreadyOwnedByYou') throw translate(failure, place);
    });
  }
}

/**
 * The SDK would hash a body once more to sign it where the connection is not encrypted, and so would
 * the server. It has its checksum, which both look at, and whoever reads it looks at its SHA-256.
 */
function leaveBodiesUnsigned({ middlewareStack }: S3Client): void {
  middlewareStack.add(
    (next) => (args) => {
      const { body, headers } = args.request as { body?: unknown; headers: Record<string, string> };
      if (body instanceof Uint8Array) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
}
