/** The data stages that runs under way still need, and that could be let go of. */
import { runNameKey } from '../contract/keys.ts';
import { runNameSchema } from '../contract/manifests.ts';
import { planOf, position } from '../contract/plan.ts';
import { augmentedShards } from '../contract/stages.ts';
import type { RunRecord } from '../contract/stages.ts';
import { digestOf } from '../data/digest.ts';
import { readRunRecord } from '../model/run-record.ts';
import { readPointer } from '../storage/pointer.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import { identifyAugmented } from './stages.ts';

/** By their digests. A run that has no record yet has just asked for what it needs. */
export async function stagesInUse(
  store: ObjectStore,
  workflowIds: AsyncIterable<string>,
  options: CallOptions = {},
): Promise<Set<string>> {
  const digests = new Set<string>();
  for await (const workflowId of workflowIds) {
    const key = runNameKey(digestOf(workflowId));
    const name = await readPointer(store, key, runNameSchema, options);
    const record = name && (await readRunRecord(store, name.run, options));
    if (!record) continue;
    for (const digest of neededBy(record)) digests.add(digest);
  }
  return digests;
}

/** The views of the epoch that it is in and of the next, or all that come again; and what it validates by. */
function* neededBy({ inputs, timeline, step }: RunRecord): Generator<string> {
  const { views } = inputs.config.augment;
  const plan = planOf(inputs, timeline);
  const { epoch: first } = position(plan, step);
  const last = Math.min(plan.epochs, first + (views ?? 2));
  for (let epoch = first; epoch < last; epoch += 1) {
    yield identifyAugmented(augmentedShards(inputs, epoch)).digest;
  }
  yield inputs.validation;
}
