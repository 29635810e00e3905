/** States that this worker holds back of runs that have ended, elsewhere or for good: they are of use to none. */
import { log } from '@temporalio/activity';
import { runNameKey } from '../contract/keys.ts';
import { runNameSchema } from '../contract/manifests.ts';
import { digestOf } from '../data/digest.ts';
import { readPointer } from '../storage/pointer.ts';
import type { Step } from './durable.ts';
import type { ModelServices } from './services.ts';

/** Throws those away, when a segment of `run` begins; where nobody can say what is under way, nothing. */
export async function dropEnded(
  { store, uploads }: Pick<ModelServices, 'store' | 'uploads'>,
  run: string,
  runningWorkflows: () => AsyncIterable<string>,
  { signal }: Pick<Step, 'signal'>,
): Promise<void> {
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
  for (const ended of others.filter((one) => !underWay.has(one))) uploads.drop(ended);
}
