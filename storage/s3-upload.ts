/**
 * Uploads a file to S3 in parts. Ours and not lib-storage's `Upload`, whose abort neither cancels
 * the requests under way nor takes the parts away (measured with 3.1173.0).
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3';
import { createHash, randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { ObjectPlace, TransferOptions } from './store.ts';

/** S3 takes 10,000 parts: 80 GB a file. Memory is parts in flight times this. */
export const partBytes = 8 * 1024 * 1024;
const partsInFlight = 4;

/** Names a write, so that its writer knows it again when the reply was lost. */
export const writerMetadata = 'nightshift-writer';

/**
 * Covers the object as a whole; by default S3 keeps a sum of the parts' sums, which the SDK does not
 * check on reading. Node counts CRC-32 natively, the CRC-64 that S3 recommends is plain JavaScript.
 */
const checksum = { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const;

/** Throws what the SDK throws, and the signal's reason; then no part is left behind. */
export async function uploadInParts(
  client: S3Client,
  place: ObjectPlace,
  path: string,
  { signal, onProgress }: TransferOptions,
): Promise<{ size: number; sha256: string; etag: string }> {
  const target = { Bucket: place.bucket, Key: place.key };
  const sending = signal ? { abortSignal: signal } : {};
  const writer = randomUUID();
  const create = { ...target, ...checksum, Metadata: { [writerMetadata]: writer } };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(create), sending);
  const upload = { ...target, UploadId };

  const hash = createHash('sha256');
  let size = 0;
  let sent = 0;
  const parts: CompletedPart[] = [];

  await using file = await open(path);
  let turn: Promise<unknown> = Promise.resolve();
  let failed = false;
  let partNumber = 0;
  /** The next part, in the memory that is given: one after the other, as the hash needs it. */
  const read = (memory: Buffer): Promise<{ PartNumber: number; Body: Buffer } | undefined> => {
    const reading = turn.then(async () => {
      const { bytesRead } = await file.read(memory, 0, partBytes, size);
      if (bytesRead === 0 || failed) return undefined;
      const Body = memory.subarray(0, bytesRead);
      hash.update(Body);
      size += bytesRead;
      return { PartNumber: (partNumber += 1), Body };
    });
    turn = reading.catch(() => undefined);
    return reading;
  };

  // Each has memory of its own for all its parts: new memory each time would have to be collected.
  async function lane(): Promise<void> {
    const memory = Buffer.allocUnsafeSlow(partBytes);
    try {
      for (let next = await read(memory); next; next = await read(memory)) {
        const part = { ...upload, ...next, ChecksumAlgorithm: checksum.ChecksumAlgorithm };
        const { ETag, ChecksumCRC32 } = await client.send(new UploadPartCommand(part), sending);
        parts.push({ PartNumber: next.PartNumber, ETag, ChecksumCRC32 });
        sent += next.Body.length;
        onProgress?.(sent);
      }
    } catch (error) {
      // The others stop after their part.
      failed = true;
      throw error;
    }
  }

  try {
    const lanes = await Promise.allSettled(Array.from({ length: partsInFlight }, lane));
    for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
    const Parts = parts.toSorted((a, b) => a.PartNumber! - b.PartNumber!);
    const complete = new CompleteMultipartUploadCommand({
      ...upload,
      ChecksumType: checksum.ChecksumType,
      MultipartUpload: { Parts },
    });
    const { ETag } = await client.send(complete, sending);
    return { size, sha256: hash.digest('hex'), etag: ETag! };
  } catch (error) {
    if ((error as Error).name === 'NoSuchUpload') {
      // Completed, and the reply lost: the second try finds no upload, but our object.
      const there = await client
        .send(new HeadObjectCommand(target), sending)
        .catch(() => undefined);
      if (there?.Metadata?.[writerMetadata] === writer) {
        return { size, sha256: hash.digest('hex'), etag: there.ETag! };
      }
    }
    // Should this fail too, the sweeper finds the parts.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}
