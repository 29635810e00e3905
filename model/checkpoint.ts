/** Checkpoints in the store: found along a run's own lineages, fetched, committed, let go of. */
import { join } from 'node:path';
import {
  checkpointDataPrefix,
  checkpointManifestKey,
  lineagePrefix,
  stepOfCheckpointKey,
} from '../contract/keys.ts';
import { checkpointManifestSchema } from '../contract/manifests.ts';
import type { CheckpointManifest, StoredFile } from '../contract/manifests.ts';
import { position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { CheckpointReference, TrainingInputs } from '../contract/stages.ts';
import { numericsAt } from '../contract/timeline.ts';
import type { Decision } from '../contract/timeline.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import { movePointer } from '../storage/pointer.ts';
import { DamagedObject } from '../storage/store.ts';
import type { ObjectStore } from '../storage/store.ts';
import { bundleFiles, bundleName, ledgerFile, lossesFile } from './checkpoint-files.ts';
import { lineageAt, lineageChain } from './lineage.ts';

/** SHA-256 of the variables' bytes, in name order: equal digests are equal weights, slots and averages. */
export function stateDigest(manifest: CheckpointManifest): string {
  const variables = manifest.files.find(({ name }) => name === bundleFiles[1]);
  if (!variables) throw new Error(`checkpoint of step ${manifest.step}: its variables were pruned`);
  return variables.sha256;
}

export const manifestKeyOf = ({ run, lineage, step }: CheckpointReference): string =>
  checkpointManifestKey(run, lineage, step);

/** The state after `step` steps, as the timeline has it. */
export function checkpointAt(
  inputs: TrainingInputs,
  timeline: readonly Decision[],
  step: number,
): CheckpointReference {
  return { run: inputs.run, lineage: lineageAt(inputs, timeline, step), step };
}

/** A checkpoint that could not be used, and why. */
export type OnDamage = (checkpoint: CheckpointReference, problem: DamagedObject) => void;

/**
 * The newest checkpoints at or below `upToStep` on the run's own chain of lineages, newest first.
 * Sizes are verified; a damaged one is reported and passed over, a pruned one passed over.
 */
export async function* checkpointsDownFrom(
  store: ObjectStore,
  inputs: TrainingInputs,
  timeline: readonly Decision[],
  upToStep: number,
  onDamage: OnDamage,
): AsyncGenerator<CheckpointManifest> {
  for (const stretch of lineageChain(inputs, timeline).toReversed()) {
    const steps: number[] = [];
    for await (const { key } of store.list(lineagePrefix(inputs.run, stretch.lineage))) {
      const step = stepOfCheckpointKey(key);
      if (step === undefined || step <= stretch.afterStep) continue;
      if (step <= Math.min(stretch.upToStep, upToStep)) steps.push(step);
    }
    for (const step of steps.toSorted((a, b) => b - a)) {
      const checkpoint = { run: inputs.run, lineage: stretch.lineage, step };
      try {
        const manifest = await readManifest(
          store,
          manifestKeyOf(checkpoint),
          checkpointManifestSchema,
        );
        if (manifest && !manifest.pruned) yield manifest;
      } catch (error) {
        if (!(error instanceof DamagedObject)) throw error;
        onDamage(checkpoint, error);
      }
    }
  }
}

/**
 * Brings a checkpoint's bundle to `directory`; returns its prefix for RestoreV2. Throws
 * `DamagedObject` when a byte is not as the manifest says.
 */
export async function fetchBundle(
  store: ObjectStore,
  manifest: CheckpointManifest,
  directory: string,
): Promise<string> {
  for (const name of bundleFiles) {
    const file = manifest.files.find((candidate) => candidate.name === name);
    if (!file) throw new Error(`checkpoint of step ${manifest.step} has no file ${name}`);
    const { sha256 } = await store.getToFile(file.key, join(directory, name));
    if (sha256 !== file.sha256) {
      const problem = `expected SHA-256 ${file.sha256}, got ${sha256}`;
      const manifestKey = manifestKeyOf(manifest);
      throw new DamagedObject({ bucket: store.bucket, key: file.key }, problem, { manifestKey });
    }
  }
  return join(directory, bundleName);
}

/** A state on local disk, to be committed. */
export interface SavedCheckpoint {
  readonly checkpoint: CheckpointReference;
  readonly parent: { readonly lineage: string; readonly step: number } | null;
  readonly directory: string;
}

/** Commits a saved state, unless it is in the store already, whole: neither damaged nor pruned. */
export async function commitCheckpoint(
  store: ObjectStore,
  inputs: TrainingInputs,
  timeline: readonly Decision[],
  plan: TrainingPlan,
  saved: SavedCheckpoint,
): Promise<void> {
  const { run, lineage, step } = saved.checkpoint;
  const attempt = crypto.randomUUID();
  const files = await writeData(
    store,
    checkpointDataPrefix(run, lineage, step, attempt),
    [...bundleFiles, lossesFile, ledgerFile].map((name) => ({
      name,
      path: join(saved.directory, name),
    })),
  );
  const manifest: CheckpointManifest = {
    version: 1,
    generation: 0,
    kind: 'checkpoint',
    attempt,
    files,
    run,
    lineage,
    step,
    ...position(plan, step),
    seed: inputs.config.seed,
    parent: saved.parent,
    numerics: numericsAt(timeline, step - 1) as never,
    pruned: false,
  };
  const key = manifestKeyOf(saved.checkpoint);
  await commitManifest(store, key, checkpointManifestSchema, manifest, {
    suffices: ({ pruned }) => !pruned,
  });
}

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
