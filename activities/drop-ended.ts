/** States that this worker holds back of runs that have ended, elsewhere or for good: they are of use to none. */
import { log } from '@temporalio/activity';
import { runNameKey } from '../contract/keys.ts';
import { runNameSchema } from '../contract/manifests.ts';
import { digestOf } from '../data/digest.ts';
import { readPointer } from '../storage/pointer.ts';
import type { Step } from './durable.ts';
import type { ModelServices } from './services.ts';

/** To be called when a segment of `run` begins; where nobody can say what is under way, it drops nothing. */
type DropEnded = (
  run: string,
  runningWorkflows: () => AsyncIterable<string>,
  step: Pick<Step, 'signal'>,
) => Promise<void>;

/** Of this worker: it throws away what two looks in a row find to be of none that is under way. */
export function openDropEnded({
  store,
  uploads,
}: Pick<ModelServices, 'store' | 'uploads'>): DropEnded {
  /** Not under way at the last look: one may just have gone on in its next execution, not listed yet. */
  let doubtful = new Set<string>();
  return async (run, runningWorkflows, { signal }) => {
    const others = uploads.holding().filter((one) => one !== run);
    if (others.length === 0) return;
    const underWay = new Set<string>();
    try {
      for await (const workflowId of runningWorkflows()) {
        const key = runNameKey(digestOf(workflowId));
        const name = await readPointer(store, key, runNameSchema, { signal });
        if (name) underWay.add(name.run);
      }
    } catch (error) {
      log.warn('what is held back of other runs was not looked through', { error });
      return;
    }
    const missing = others.filter((one) => !underWay.has(one));
    for (const ended of missing.filter((one) => doubtful.has(one))) uploads.drop(ended);
    doubtful = new Set(missing);
  };
}
