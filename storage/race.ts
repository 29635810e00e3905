/** Writing by condition against other writers, again until there is a result. */
import { backoff } from './backoff.ts';
import { seal } from './sealed-json.ts';
import { ObjectNotFound, PreconditionFailed, TransientStorageError } from './store.ts';
import type { CallOptions, ObjectStore } from './store.ts';

/** Each round of a race has a winner: who loses so often has another trouble than rivals. */
const raceAttempts = 50;

/** Asks `attempt` until it has a result, with pauses in which the other writers get through. */
export async function racing<T>(
  store: ObjectStore,
  key: string,
  options: CallOptions,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  for (let tries = 0; tries < raceAttempts; tries += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
    await backoff(Math.min(tries, 3), options.signal);
  }
  const problem = `other writers were faster ${raceAttempts} times in a row`;
  throw new TransientStorageError({ bucket: store.bucket, key }, problem);
}

/** Seals and writes `content`; false when the condition did not hold. */
export async function writeIf(
  store: ObjectStore,
  key: string,
  content: unknown,
  condition: CallOptions & { ifNoneMatch?: '*'; ifMatch?: string },
): Promise<boolean> {
  try {
    await store.put(key, seal(content), { ...condition, contentType: 'application/json' });
    return true;
  } catch (error) {
    if (error instanceof PreconditionFailed) return false;
    throw error;
  }
}

export async function getIfThere(
  store: ObjectStore,
  key: string,
  options: CallOptions,
): Promise<{ bytes: Uint8Array; etag: string } | undefined> {
  try {
    return await store.get(key, options);
  } catch (error) {
    if (error instanceof ObjectNotFound) return undefined;
    throw error;
  }
}
