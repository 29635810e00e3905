/** Work on stored objects of which one may have gone bad. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { failureTypeNamed } from '../contract/failures.ts';
import { rootCause } from './progress.ts';

/** Does it; once more, if something was damaged and `mend` has made that anew. */
export async function onceMended<T>(work: () => Promise<T>, mend: () => Promise<void>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (!isOfDamage(failure)) throw failure;
    await mend();
    return work();
  }
}

function isOfDamage(failure: unknown): boolean {
  const cause = failure instanceof ActivityFailure ? rootCause(failure) : failure;
  return cause instanceof ApplicationFailure && failureTypeNamed(cause.type) === 'DamagedObject';
}
