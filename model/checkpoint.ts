/** Checkpoints in the store: found along a run's own lineages, fetched, committed, adopted from another run. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkpointDataPrefix,
  checkpointManifestKey,
  lineagePrefix,
  stepOfBundleKey,
} from '../contract/keys.ts';
import { checkpointManifestSchema } from '../contract/manifests.ts';
import type { CheckpointManifest, StoredFile } from '../contract/manifests.ts';
import { NightshiftError } from '../contract/failures.ts';
import { controllerAfter } from '../contract/controller.ts';
import { position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { Validation } from '../contract/progress.ts';
import { conventionsOf } from '../contract/stages.ts';
import type { CheckpointReference, TrainingInputs } from '../contract/stages.ts';
import { decided, decisionsBefore } from '../contract/timeline.ts';
import type { Decision } from '../contract/timeline.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import { DamagedObject } from '../storage/store.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import { bundleFiles, bundleName, ledgerFile, lossesFile } from './checkpoint-files.ts';
import { lineageAt, lineageChain } from './lineage.ts';

/** SHA-256 of the variables' bytes, in name order: equal digests are equal weights, slots and averages. */
export function stateDigest(manifest: CheckpointManifest): string {
  const variables = manifest.files.find(({ name }) => name === bundleFiles[1]);
  if (!variables) throw letGo(manifest);
  return variables.sha256;
}

/** Weights that were let go of are made anew as damaged ones are. */
function letGo(checkpoint: CheckpointReference): NightshiftError {
  const { run, step } = checkpoint;
  return new NightshiftError(
    'DamagedObject',
    `the state after step ${step} of run ${run} (${manifestKeyOf(checkpoint)}) has no weights any more: they were let go of`,
  );
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

/** Throws `DamagedObject` when it is not there, or not as it was written. */
export async function readCheckpoint(
  store: ObjectStore,
  checkpoint: CheckpointReference,
  options: CallOptions = {},
): Promise<CheckpointManifest> {
  const key = manifestKeyOf(checkpoint);
  const manifest = await readManifest(store, key, checkpointManifestSchema, options);
  if (!manifest) throw new DamagedObject({ bucket: store.bucket, key }, 'is missing');
  return manifest;
}

/** A checkpoint that could not be used, and why. */
export type OnDamage = (checkpoint: CheckpointReference, problem: DamagedObject) => void;

/**
 * The newest checkpoints at or below `upToStep` on the run's own chain of lineages, newest first.
 * Sizes are verified, with `deep` every byte; a damaged one is reported and passed over, a pruned
 * one passed over: where no variables are listed its manifest is not read.
 */
export async function* checkpointsDownFrom(
  store: ObjectStore,
  inputs: TrainingInputs,
  timeline: readonly Decision[],
  upToStep: number,
  onDamage: OnDamage,
  options: CallOptions & { readonly deep?: boolean } = {},
): AsyncGenerator<CheckpointManifest> {
  for (const stretch of lineageChain(inputs, timeline).toReversed()) {
    const steps = new Set<number>();
    for await (const { key } of store.list(lineagePrefix(inputs.run, stretch.lineage), options)) {
      const step = stepOfBundleKey(key);
      if (step === undefined || step <= stretch.afterStep) continue;
      if (step <= Math.min(stretch.upToStep, upToStep)) steps.add(step);
    }
    for (const step of [...steps].toSorted((a, b) => b - a)) {
      const checkpoint = { run: inputs.run, lineage: stretch.lineage, step };
      try {
        const manifest = await readManifest(
          store,
          manifestKeyOf(checkpoint),
          checkpointManifestSchema,
          options,
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
 * Brings a checkpoint's files to `directory`; returns the bundle's prefix for RestoreV2. Throws
 * `DamagedObject` when a byte is not as the manifest says: of the record of its steps too, which
 * is made anew only where the steps are taken again.
 */
export async function fetchBundle(
  store: ObjectStore,
  manifest: CheckpointManifest,
  directory: string,
  options: CallOptions = {},
): Promise<string> {
  if (manifest.pruned) {
    const place = { bucket: store.bucket, key: manifestKeyOf(manifest) };
    throw new DamagedObject(place, 'its variables were let go of');
  }
  await fetchFiles(store, manifestKeyOf(manifest), manifest.files, directory, options);
  return join(directory, bundleName);
}

/** Brings files that a manifest names to `directory`. Throws `DamagedObject` when a byte is not as it says. */
export async function fetchFiles(
  store: ObjectStore,
  manifestKey: string,
  files: readonly StoredFile[],
  directory: string,
  options: CallOptions = {},
): Promise<void> {
  for (const file of files) {
    const { sha256 } = await store.getToFile(file.key, join(directory, file.name), options);
    if (sha256 !== file.sha256) {
      const problem = `expected SHA-256 ${file.sha256}, got ${sha256}`;
      throw new DamagedObject({ bucket: store.bucket, key: file.key }, problem, { manifestKey });
    }
  }
}

/** A state on local disk, to be committed. */
export interface SavedCheckpoint {
  readonly checkpoint: CheckpointReference;
  readonly parent: CheckpointReference | null;
  readonly directory: string;
}

/** What a checkpoint is one of: the run as it is when the state is saved. */
export interface CheckpointContext {
  readonly inputs: TrainingInputs;
  readonly timeline: readonly Decision[];
  readonly validations: readonly Validation[];
  readonly plan: TrainingPlan;
}

/** Commits a saved state, unless it is in the store already, whole: neither damaged nor pruned. */
export async function commitCheckpoint(
  store: ObjectStore,
  context: CheckpointContext,
  saved: SavedCheckpoint,
): Promise<void> {
  const { inputs, timeline, validations, plan } = context;
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
  const before = validations.filter((one) => one.step < step);
  await commitWhole(store, {
    version: 1,
    generation: 0,
    kind: 'checkpoint',
    attempt,
    files,
    ...saved.checkpoint,
    ...position(plan, step),
    seed: inputs.config.seed,
    parent: saved.parent,
    inputs,
    timeline: decisionsBefore(timeline, step),
    validations: before,
    controller: controllerAfter(before, inputs.config.training.plateau, {
      step: inputs.plateauFrom ?? 0,
      learningRateFactor: decided(timeline, 'learningRateFactor', inputs.plateauFrom ?? 0) ?? 1,
    }),
    conventions: conventionsOf(inputs),
    pruned: false,
  });
}

/**
 * Makes another run's state one's own: a copy, so that neither run's retention is the other's
 * matter. Its record stays where it is, as the parent's. Throws `DamagedObject` when a byte is not
 * as that run's manifest says.
 */
export async function adoptCheckpoint(
  store: ObjectStore,
  context: CheckpointContext,
  from: CheckpointReference,
  directory: string,
  checkpoint = checkpointAt(context.inputs, context.timeline, from.step),
): Promise<CheckpointManifest> {
  const theirs = await readCheckpoint(store, from);
  await fetchBundle(store, theirs, directory);
  for (const name of [lossesFile, ledgerFile]) await writeFile(join(directory, name), '');
  await commitCheckpoint(store, context, { checkpoint, parent: from, directory });
  return readCheckpoint(store, checkpoint);
}

/** A winner that was pruned does not do: its variables are gone. */
async function commitWhole(store: ObjectStore, manifest: CheckpointManifest): Promise<void> {
  await commitManifest(store, manifestKeyOf(manifest), checkpointManifestSchema, manifest, {
    suffices: ({ pruned }) => !pruned,
  });
}
