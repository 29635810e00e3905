/** Versions of models in the registry: kept as copies, so that no run's retention is their matter; read, fetched, listed. */
import { join } from 'node:path';
import {
  digestOfVersionKey,
  versionDataPrefix,
  versionManifestKey,
  versionsPrefix,
} from '../contract/keys.ts';
import { modelVersionSchema } from '../contract/models.ts';
import type { ModelVersion } from '../contract/models.ts';
import type { CheckpointReference, VersionReference } from '../contract/stages.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import { DamagedObject } from '../storage/store.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import { bundleFiles, bundleName } from './checkpoint-files.ts';
import { fetchBundle, fetchFiles, readCheckpoint, stateDigest } from './checkpoint.ts';

/** What is said of a version beside what its checkpoint says. */
export type VersionFacts = Pick<
  ModelVersion,
  'model' | 'workflowId' | 'checkpoint' | 'predictions' | 'metrics'
>;

/** Makes a checkpoint a version of a model, unless it is one already, whole: the winner's facts then stand. */
export async function keepVersion(
  store: ObjectStore,
  { checkpoint, ...facts }: VersionFacts,
  /** An empty folder for the files on their way. */
  directory: string,
  attempt: string,
  options: CallOptions = {},
): Promise<ModelVersion> {
  const state = await readCheckpoint(store, checkpoint, options);
  const digest = stateDigest(state);
  const key = versionManifestKey(facts.model, digest);
  await fetchBundle(store, state, directory, options);
  const files = await writeData(
    store,
    versionDataPrefix(facts.model, digest, attempt),
    bundleFiles.map((name) => ({ name, path: join(directory, name) })),
    options,
  );
  const { inputs, conventions } = state;
  const version: ModelVersion = {
    ...{ version: 1, generation: 0, kind: 'model', attempt, files },
    ...{ digest, checkpoint, inputs, conventions, ...facts },
  };
  return (await commitManifest(store, key, modelVersionSchema, version, options)).manifest;
}

/** Throws `DamagedObject` when it is not there, or not as it was written; with `deep` every byte is read. */
export async function readVersion(
  store: ObjectStore,
  { model, digest }: VersionReference,
  options: CallOptions & { readonly deep?: boolean } = {},
): Promise<ModelVersion> {
  const key = versionManifestKey(model, digest);
  const version = await readManifest(store, key, modelVersionSchema, options);
  if (!version) throw new DamagedObject({ bucket: store.bucket, key }, 'is missing');
  return version;
}

/** Brings a version's bundle to `directory`; returns its prefix for RestoreV2. Throws `DamagedObject`. */
export async function fetchVersion(
  store: ObjectStore,
  { model, digest, files }: ModelVersion,
  directory: string,
  options: CallOptions = {},
): Promise<string> {
  await fetchFiles(store, versionManifestKey(model, digest), files, directory, options);
  return join(directory, bundleName);
}

/** Weights that can be predicted with: their digest, and how to bring their bundle to a folder. */
export interface PredictingWeights {
  readonly digest: string;
  readonly fetch: (directory: string, options?: CallOptions) => Promise<string>;
}

/** Of a run's state, or of a version. Throws `DamagedObject`. */
export async function weightsOf(
  store: ObjectStore,
  from: CheckpointReference | VersionReference,
  options: CallOptions = {},
): Promise<PredictingWeights> {
  if ('model' in from) {
    const version = await readVersion(store, from, options);
    return {
      digest: version.digest,
      fetch: (directory, how) => fetchVersion(store, version, directory, how),
    };
  }
  const state = await readCheckpoint(store, from, options);
  return {
    digest: stateDigest(state),
    fetch: (directory, how) => fetchBundle(store, state, directory, how),
  };
}

/** The digests of all versions that a model has. */
export async function digestsOf(
  store: ObjectStore,
  model: string,
  options: CallOptions = {},
): Promise<string[]> {
  const digests: string[] = [];
  for await (const { key } of store.list(versionsPrefix(model), options)) {
    const digest = digestOfVersionKey(key);
    if (digest !== undefined) digests.push(digest);
  }
  return digests.toSorted();
}
