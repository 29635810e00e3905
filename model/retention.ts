/** What of a run is let go of: the weights of old checkpoints, and what lost attempts left behind. */
import { checkpointManifestSchema } from '../contract/manifests.ts';
import type { StoredFile } from '../contract/manifests.ts';
import type { TrainingInputs } from '../contract/stages.ts';
import type { Decision } from '../contract/timeline.ts';
import { movePointer } from '../storage/pointer.ts';
import type { ObjectStore } from '../storage/store.ts';
import { bundleFiles } from './checkpoint-files.ts';
import { checkpointsDownFrom, manifestKeyOf } from './checkpoint.ts';

/**
 * Lets go of the variables of a run's checkpoints, but for the `keepNewest` newest and those of
 * `keepSteps`. Losses and ledger stay: they are the run's record. The manifest says so first.
 */
export async function pruneCheckpoints(
  store: ObjectStore,
  inputs: TrainingInputs,
  timeline: readonly Decision[],
  keep: { readonly newest: number; readonly steps: readonly number[] },
): Promise<void> {
  const everything = Number.MAX_SAFE_INTEGER;
  let seen = 0;
  for await (const manifest of checkpointsDownFrom(store, inputs, timeline, everything, () => {})) {
    seen += 1;
    if (seen <= keep.newest || keep.steps.includes(manifest.step)) continue;
    const isBundle = ({ name }: StoredFile): boolean =>
      (bundleFiles as readonly string[]).includes(name);
    await movePointer(store, manifestKeyOf(manifest), checkpointManifestSchema, (current) =>
      current && !current.pruned
        ? { ...current, pruned: true, files: current.files.filter((file) => !isBundle(file)) }
        : undefined,
    );
    await store.delete(manifest.files.filter(isBundle).map((file) => file.key));
  }
}
