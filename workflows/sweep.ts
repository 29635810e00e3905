/** The store is swept beside what a run does last: that neither fails the run nor holds it up for long. */
import { CancellationScope, condition, isCancellation, log } from '@temporalio/workflow';
import { housekeeping } from './activities.ts';
import { rootCause } from './progress.ts';
import type { Progress } from './progress.ts';

/** For what is left to do when the run has done all else; the next run goes on with it. */
const longestWait = '10 seconds';

/** Begins; the answer ends it. */
export function sweepBeside(keepDays: number, progress: Progress): () => Promise<void> {
  const scope = new CancellationScope();
  let ended = false;
  const sweep = async (): Promise<void> => {
    try {
      await scope.run(() => housekeeping.sweepStore({ keepDays }));
    } catch (failure) {
      if (isCancellation(failure)) return;
      const { message } = rootCause(failure as Error);
      log.warn('the store was not swept', { message });
      progress.problem(`what is to be let go of was left in the store: ${message}`);
    } finally {
      ended = true;
    }
  };
  void sweep();
  return async () => {
    await condition(() => ended, longestWait);
    scope.cancel();
  };
}
