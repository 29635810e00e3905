/** The object store over S3. Only the files named `s3` know the AWS SDK. */
import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { backoff } from './backoff.ts';
import { sha256Hex } from './hash.ts';
import { openS3Bucket } from './s3-client.ts';
import type { S3Bucket, S3Settings } from './s3-client.ts';
import { isConflict, translate, wasRepeated } from './s3-errors.ts';
import {
  at,
  downloadByThread,
  expectSha256,
  hashed,
  ownAttempts,
  readObject,
  sending,
} from './s3-read.ts';
import { partBytes, uploadInParts, writerMetadata } from './s3-upload.ts';
import { TransientStorageError } from './store.ts';
import type {
  CallOptions,
  ObjectHead,
  ObjectPlace,
  ObjectStore,
  PutOptions,
  ToFileOptions,
  TransferOptions,
} from './store.ts';

/** Above it a file goes up in parts; below, the extra requests cost more than they win. */
const singlePutBytes = 2 * partBytes;

/** Connects, and makes sure of the bucket. Throws `StorageAccessError` when it is not there or not ours. */
export async function openS3Store(settings: S3Settings): Promise<ObjectStore> {
  return new S3Store(await openS3Bucket(settings), settings.downloadThreads ?? false);
}

class S3Store implements ObjectStore {
  readonly bucket: string;
  readonly #client: S3Bucket['client'];
  readonly #place: S3Bucket;
  readonly #downloadThreads: boolean;

  constructor(place: S3Bucket, downloadThreads: boolean) {
    this.bucket = place.bucket;
    this.#client = place.client;
    this.#place = place;
    this.#downloadThreads = downloadThreads;
  }

  async get(key: string, options: CallOptions = {}): Promise<{ bytes: Uint8Array; etag: string }> {
    return readObject(this.#place, key, options, async (answer) => ({
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
    return readObject(this.#place, key, { ...options, range: bytes }, (answer) =>
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
        ? downloadByThread(this.#place, key, temporary, options)
        : readObject(this.#place, key, options, async (answer) => {
            await using file = await open(temporary, 'w');
            const got = await hashed(answer, options, (chunk) => file.writeFile(chunk));
            return expectSha256(this.#place, key, got, options.sha256);
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
    return readObject(this.#place, key, options, (answer) => hashed(answer, options));
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
    return at(this.#place, key);
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

/** The condition of a write, as its header says it. */
function conditionOf({ ifNoneMatch, ifMatch }: PutOptions): string | undefined {
  if (ifNoneMatch !== undefined) return `If-None-Match: ${ifNoneMatch}`;
  return ifMatch === undefined ? undefined : `If-Match: ${ifMatch}`;
}
