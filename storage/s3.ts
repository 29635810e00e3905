/** The object store over S3. With s3-upload.ts the only file that knows the AWS SDK. */
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { createHash, randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { backoff } from './backoff.ts';
import { download } from './download-threads.ts';
import { sha256Hex } from './hash.ts';
import { isConflict, translate, wasRepeated } from './s3-errors.ts';
import { partBytes, uploadInParts, writerMetadata } from './s3-upload.ts';
import { DamagedObject, StorageAccessError, TransientStorageError } from './store.ts';
import type {
  CallOptions,
  ObjectHead,
  ObjectPlace,
  ObjectStore,
  PutOptions,
  ToFileOptions,
  TransferOptions,
} from './store.ts';

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

/** Above it a file goes up in parts; below, the extra requests cost more than they win. */
const singlePutBytes = 2 * partBytes;
/** Tries of what the SDK leaves to us: bodies that break off, and writes that met another. */
const ownAttempts = 6;

/** Connects, and makes sure of the bucket. Throws `StorageAccessError` when it is not there or not ours. */
export async function openS3Store(settings: S3Settings): Promise<ObjectStore> {
  const limits = { ...defaultLimits, ...settings.limits };
  const client = new S3Client({
    ...(settings.endpoint === undefined
      ? {}
      : { endpoint: settings.endpoint, forcePathStyle: true, region: 'us-east-1' }),
    ...(settings.region === undefined ? {} : { region: settings.region }),
    ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
    maxAttempts: limits.attempts,
    responseChecksumValidation: 'WHEN_REQUIRED', // `#read` asks for it
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
  return new S3Store(client, settings.bucket, limits, settings.downloadThreads ?? false);
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

class S3Store implements ObjectStore {
  readonly bucket: string;
  readonly #client: S3Client;
  readonly #limits: S3Limits;
  readonly #downloadThreads: boolean;

  constructor(client: S3Client, bucket: string, limits: S3Limits, downloadThreads: boolean) {
    this.#client = client;
    this.bucket = bucket;
    this.#limits = limits;
    this.#downloadThreads = downloadThreads;
  }

  async get(key: string, options: CallOptions = {}): Promise<{ bytes: Uint8Array; etag: string }> {
    return this.#read(key, options, async (answer) => ({
      bytes: await answer.Body!.transformToByteArray(),
      etag: answer.ETag!,
    }));
  }

  async getRange(
    key: string,
    range: { offset: number; length: number },
    options: CallOptions = {},
  ): Promise<Uint8Array> {
    const bytes = `bytes=${range.offset}-${range.offset + range.length - 1}`;
    return this.#read(key, { ...options, range: bytes }, (answer) =>
      answer.Body!.transformToByteArray(),
    );
  }

  async getToFile(
    key: string,
    path: string,
    options: ToFileOptions = {},
  ): Promise<{ size: number; sha256: string }> {
    const temporary = `${path}.${randomUUID()}.part`;
    try {
      const result = await (this.#downloadThreads && options.sha256 !== undefined
        ? this.#download(key, temporary, options)
        : this.#read(key, options, async (answer) => {
            await using file = await open(temporary, 'w');
            const got = await hashed(answer, options, (chunk) => file.writeFile(chunk));
            return this.#as(options.sha256, got, key);
          }));
      await rename(temporary, path);
      return result;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async digest(
    key: string,
    options: TransferOptions = {},
  ): Promise<{ size: number; sha256: string }> {
    return this.#read(key, options, (answer) => hashed(answer, options));
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    const answer = await this.#head(key, options);
    if (!answer) return undefined;
    const { ContentLength, ETag, LastModified } = answer;
    return { size: ContentLength!, etag: ETag!, lastModified: LastModified! };
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<{ etag: string }> {
    const condition = conditionOf(options);
    const writer = randomUUID();
    const command = new PutObjectCommand({
      Bucket: this.bucket,
      Key: key,
      Body: bytes,
      IfNoneMatch: options.ifNoneMatch,
      IfMatch: options.ifMatch,
      ContentType: options.contentType,
      ...(condition === undefined ? {} : { Metadata: { [writerMetadata]: writer } }),
    });
    let repeated = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return { etag: (await this.#client.send(command, sending(options))).ETag! };
      } catch (error) {
        repeated ||= wasRepeated(error);
        if (isConflict(error) && attempt < ownAttempts) {
          await backoff(attempt, options.signal);
          continue;
        }
        // The first try may have taken and only its answer been lost: then the condition fails on
        // our own write. Bytes do not tell (another may write the same); the token does.
        if (condition !== undefined && repeated) {
          const there = await this.#head(key, options);
          if (there?.Metadata?.[writerMetadata] === writer) return { etag: there.ETag! };
        }
        throw translate(error, this.#at(key), { ...options, condition });
      }
    }
  }

  async putFile(
    key: string,
    path: string,
    options: TransferOptions = {},
  ): Promise<{ size: number; sha256: string; etag: string }> {
    if ((await stat(path)).size <= singlePutBytes) {
      const bytes = await readFile(path);
      const { etag } = await this.put(key, bytes, options);
      options.onProgress?.(bytes.length);
      return { size: bytes.length, sha256: sha256Hex(bytes), etag };
    }
    return uploadInParts(this.#client, this.#at(key), path, options).catch((error: unknown) => {
      throw translate(error, this.#at(key), options);
    });
  }

  async *list(prefix: string, options: CallOptions = {}) {
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.bucket, Prefix: prefix },
      sending(options),
    );
    try {
      for await (const page of pages) {
        for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
          yield { key: Key!, size: Size!, etag: ETag!, lastModified: LastModified! };
        }
      }
    } catch (error) {
      throw translate(error, this.#at(prefix), options);
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    const most = 1000; // of one DeleteObjects request
    for (let first = 0; first < keys.length; first += most) {
      const batch = keys.slice(first, first + most);
      const command = new DeleteObjectsCommand({
        Bucket: this.bucket,
        Delete: { Objects: batch.map((key) => ({ Key: key })), Quiet: true },
      });
      const answer = await this.#client.send(command, sending(options)).catch((error: unknown) => {
        throw translate(error, this.#at(batch[0]!), options);
      });
      const failed = answer.Errors?.[0];
      if (failed) {
        const problem = `not deleted, nor were ${answer.Errors!.length - 1} more (${failed.Code}: ${failed.Message})`;
        throw new TransientStorageError(this.#at(failed.Key ?? ''), problem);
      }
    }
  }

  async abortUploadsBefore(date: Date, options: CallOptions = {}): Promise<number> {
    let aborted = 0;
    let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    try {
      for (;;) {
        const command = new ListMultipartUploadsCommand({ Bucket: this.bucket, ...marker });
        const page = await this.#client.send(command, sending(options));
        for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
          if (Initiated! >= date) continue;
          await this.#abortUpload(Key!, UploadId!, options);
          aborted += 1;
        }
        if (!page.IsTruncated) return aborted;
        marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      }
    } catch (error) {
      throw translate(error, this.#at(''), options);
    }
  }

  close(): void {
    this.#client.destroy();
  }

  #at(key: string): ObjectPlace {
    return { bucket: this.bucket, key };
  }

  async #head(key: string, options: CallOptions) {
    const command = new HeadObjectCommand({ Bucket: this.bucket, Key: key });
    try {
      return await this.#client.send(command, sending(options));
    } catch (error) {
      if ((error as Error).name === 'NotFound') return undefined;
      throw translate(error, this.#at(key), options);
    }
  }

  /** The request is the SDK's; a thread sends it, and its body never comes here. */
  async #download(
    key: string,
    path: string,
    options: ToFileOptions,
  ): Promise<{ size: number; sha256: string }> {
    const command = new GetObjectCommand({ Bucket: this.bucket, Key: key });
    const got = { size: 0, sha256: '' };
    command.middlewareStack.add(
      () => async (handled) => {
        const { headers, ...request } = handled.request as HttpRequest;
        const order = { url: urlOf(request), headers, path, ...this.#limits };
        const answer = await download(order, options.signal);
        if (answer.type === 'downloaded') {
          got.size = answer.size;
          got.sha256 = answer.sha256;
        }
        const body = Readable.from(answer.type === 'refused' ? [answer.body] : []);
        return { response: { statusCode: answer.status, headers: answer.headers, body } };
      },
      { step: 'deserialize', priority: 'low', name: 'downloadInThread' },
    );
    return this.#received(command, key, options, async () => {
      options.onProgress?.(got.size);
      return this.#as(options.sha256, got, key);
    });
  }

  /** What was got, if it is what it must come to. */
  #as<T extends { readonly sha256: string }>(expected: string | undefined, got: T, key: string): T {
    if (expected === undefined || got.sha256 === expected) return got;
    throw new DamagedObject(this.#at(key), `expected SHA-256 ${expected}, got ${got.sha256}`);
  }

  async #read<T>(
    key: string,
    options: CallOptions & { range?: string },
    receive: (answer: GetObjectCommandOutput) => Promise<T>,
  ): Promise<T> {
    const what = { Bucket: this.bucket, Key: key, Range: options.range };
    const command = new GetObjectCommand({ ...what, ChecksumMode: 'ENABLED' });
    return this.#received(command, key, options, receive);
  }

  /** The SDK retries a request until its answer begins; when the body breaks off, we begin again. */
  async #received<T>(
    command: GetObjectCommand,
    key: string,
    options: CallOptions,
    receive: (answer: GetObjectCommandOutput) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#client.send(command, sending(options)).catch((error: unknown) => {
        throw translate(error, this.#at(key), options);
      });
      const body = answer.Body as Readable;
      // It may break off before `receive` listens, and an error nobody listens to ends the process.
      body.on('error', () => undefined);
      try {
        return await receive(answer);
      } catch (error) {
        body.destroy();
        const translated = translate(error, this.#at(key), options);
        const damaged = translated instanceof DamagedObject;
        const passing = damaged || translated instanceof TransientStorageError;
        // Bytes hurt on the way come right the second time; bytes hurt at rest never.
        if (!passing || attempt === (damaged ? 2 : ownAttempts)) {
          if (!damaged) throw translated;
          throw new DamagedObject(this.#at(key), translated.problem, {
            cause: error,
            etag: answer.ETag,
          });
        }
        await backoff(attempt, options.signal);
      }
    }
  }

  async #abortUpload(key: string, uploadId: string, options: CallOptions): Promise<void> {
    const command = new AbortMultipartUploadCommand({
      Bucket: this.bucket,
      Key: key,
      UploadId: uploadId,
    });
    await this.#client.send(command, sending(options)).catch((error: unknown) => {
      if ((error as Error).name !== 'NoSuchUpload') throw error;
    });
  }
}

/** What of the SDK's request makes its address. */
interface HttpRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

function urlOf({ protocol, hostname, port, path, query }: Omit<HttpRequest, 'headers'>): string {
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${host}${path}?${new URLSearchParams(query).toString()}`;
}

/** The condition of a write, as its header says it. */
function conditionOf({ ifNoneMatch, ifMatch }: PutOptions): string | undefined {
  if (ifNoneMatch !== undefined) return `If-None-Match: ${ifNoneMatch}`;
  return ifMatch === undefined ? undefined : `If-Match: ${ifMatch}`;
}

const sending = ({ signal }: CallOptions): { abortSignal?: AbortSignal } =>
  signal ? { abortSignal: signal } : {};

async function hashed(
  answer: GetObjectCommandOutput,
  options: TransferOptions,
  write?: (chunk: Buffer) => Promise<void>,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of answer.Body as Readable) {
    hash.update(chunk as Buffer);
    await write?.(chunk as Buffer);
    size += (chunk as Buffer).length;
    options.onProgress?.(size);
  }
  return { size, sha256: hash.digest('hex') };
}
