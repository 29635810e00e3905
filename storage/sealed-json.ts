/**
 * JSON that carries its own SHA-256, `{"sha256": .., "content": ..}`: a flipped byte shows
 * whatever server, copy or disk flipped it, also where the JSON still parses.
 */
import type { z } from 'zod';
import { sha256Hex } from './hash.ts';
import { DamagedObject } from './store.ts';
import type { ObjectPlace } from './store.ts';

export function seal(content: unknown): Uint8Array {
  const text = JSON.stringify(content);
  return Buffer.from(`{"sha256":"${sha256Hex(text)}","content":${text}}\n`);
}

/** The content, parsed by `schema`. Throws `DamagedObject` when any byte is not as `seal` wrote it. */
export function unseal<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  place: ObjectPlace,
  etag: string,
): T {
  let content: unknown;
  try {
    ({ content } = JSON.parse(Buffer.from(bytes).toString()) as { content: unknown });
  } catch (cause) {
    throw new DamagedObject(place, 'is not JSON', { cause, etag });
  }
  if (content === undefined || Buffer.compare(seal(content), bytes) !== 0) {
    throw new DamagedObject(place, 'its bytes are not those of the SHA-256 within', { etag });
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new DamagedObject(place, problemsOf(parsed)!, { cause: parsed.error, etag });
}

/** What is wrong with a content by its schema; undefined when it fits. */
export function problemsOf(parsed: z.ZodSafeParseResult<unknown>): string | undefined {
  const issues = parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return issues && `does not fit its schema: ${issues.join('; ')}`;
}
