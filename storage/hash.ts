/** SHA-256 of bytes and of files, as 64 hexadecimal digits. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export const sha256Hex = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

export async function hashFile(
  path: string,
  algorithm: 'sha256' | 'sha512' = 'sha256',
): Promise<{ size: number; digest: Buffer }> {
  const hash = createHash(algorithm);
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { size, digest: hash.digest() };
}
