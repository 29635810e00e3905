/** Work on stored objects of which some may have gone bad. */
import { isWorthRetrying } from '../contract/failures.ts';
import { isOfType } from './problem.ts';

/** Does it; again, as often as that is worth it, when something was damaged and `mend` has made that anew. */
export async function onceMended<T>(work: () => Promise<T>, mend: () => Promise<void>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (failure) {
      const isDamage = isOfType(failure, 'DamagedObject');
      if (!isDamage || !isWorthRetrying('DamagedObject', tries)) throw failure;
      await mend();
    }
  }
}
