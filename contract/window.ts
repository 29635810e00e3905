/** Runs many promises, at most so many at once. */

/**
 * Calls `work` for each item in order, at most `width` at a time. The first failure stops new
 * calls and is thrown once those under way have ended, so that none is left behind.
 */
export async function inWindow<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (failure) {
        next = items.length;
        throw failure;
      }
    }
  };
  const lanes = await Promise.allSettled(
    Array.from({ length: Math.min(width, items.length) }, lane),
  );
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}
