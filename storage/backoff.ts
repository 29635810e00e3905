/** Waiting before another try. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Sleeps a random time up to 50 ms * 2^attempt and at most 5 s ("full jitter": writers that
 * collided once should not collide again). Rejects with the signal's reason when it aborts.
 */
export async function backoff(attempt: number, signal?: AbortSignal): Promise<void> {
  const longestMs = Math.min(5_000, 50 * 2 ** attempt);
  try {
    await sleep(Math.random() * longestMs, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
