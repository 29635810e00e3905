/** Objects read from S3: again where a body breaks off, never with bytes that are not those asked for. */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { backoff } from './backoff.ts';
import { download } from './download-threads.ts';
import type { S3Bucket } from './s3-client.ts';
import { translate } from './s3-errors.ts';
import { DamagedObject, TransientStorageError } from './store.ts';
import type { CallOptions, ObjectPlace, ToFileOptions, TransferOptions } from './store.ts';

/** Tries of what the SDK leaves to us: bodies that break off, and writes that met another. */
export const ownAttempts = 6;

/** Reads an object, its checksum looked at; `receive` is called anew where the body breaks off. */
export async function readObject<T>(
  from: S3Bucket,
  key: string,
  options: CallOptions & { readonly range?: string },
  receive: (answer: GetObjectCommandOutput) => Promise<T>,
): Promise<T> {
  const what = { Bucket: from.bucket, Key: key, Range: options.range };
  const command = new GetObjectCommand({ ...what, ChecksumMode: 'ENABLED' });
  return received(from, command, key, options, receive);
}

/** The request is the SDK's; a thread sends it, and its body never comes here. */
export async function downloadByThread(
  from: S3Bucket,
  key: string,
  path: string,
  options: ToFileOptions,
): Promise<{ size: number; sha256: string }> {
  const command = new GetObjectCommand({ Bucket: from.bucket, Key: key });
  const got = { size: 0, sha256: '' };
  command.middlewareStack.add(
    () => async (handled) => {
      const { headers, ...request } = handled.request as HttpRequest;
      const order = { url: urlOf(request), headers, path, ...from.limits };
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
  return received(from, command, key, options, async () => {
    options.onProgress?.(got.size);
    return expectSha256(from, key, got, options.sha256);
  });
}

/** The SDK retries a request until its answer begins; when the body breaks off, we begin again. */
async function received<T>(
  from: S3Bucket,
  command: GetObjectCommand,
  key: string,
  options: CallOptions,
  receive: (answer: GetObjectCommandOutput) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await from.client.send(command, sending(options)).catch((error: unknown) => {
      throw translate(error, at(from, key), options);
    });
    const body = answer.Body as Readable;
    // It may break off before `receive` listens, and an error nobody listens to ends the process.
    body.on('error', () => undefined);
    try {
      return await receive(answer);
    } catch (error) {
      body.destroy();
      const translated = translate(error, at(from, key), options);
      const damaged = translated instanceof DamagedObject;
      const passing = damaged || translated instanceof TransientStorageError;
      // Bytes hurt on the way come right the second time; bytes hurt at rest never.
      if (!passing || attempt === (damaged ? 2 : ownAttempts)) {
        if (!damaged) throw translated;
        throw new DamagedObject(at(from, key), translated.problem, {
          cause: error,
          etag: answer.ETag,
        });
      }
      await backoff(attempt, options.signal);
    }
  }
}

/** What was got, if it is what it must come to. */
export function expectSha256<T extends { readonly sha256: string }>(
  from: S3Bucket,
  key: string,
  got: T,
  expected: string | undefined,
): T {
  if (expected === undefined || got.sha256 === expected) return got;
  throw new DamagedObject(at(from, key), `expected SHA-256 ${expected}, got ${got.sha256}`);
}

/** All of an answer's body, hashed and handed on. */
export async function hashed(
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

export const sending = ({ signal }: CallOptions): { abortSignal?: AbortSignal } =>
  signal ? { abortSignal: signal } : {};

export const at = ({ bucket }: S3Bucket, key: string): ObjectPlace => ({ bucket, key });

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
