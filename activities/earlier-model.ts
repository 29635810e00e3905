/** A model that an earlier run made: found by the run, by the place of its bundle, or as a champion in the registry. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NightshiftError } from '../contract/failures.ts';
import { manifestKeyOfBundle, runResultKey, versionManifestKey } from '../contract/keys.ts';
import { checkpointManifestSchema, runResultManifestSchema } from '../contract/manifests.ts';
import type { Conventions, WeightsPlace } from '../contract/weights.ts';
import { readChampion } from '../model/champions.ts';
import { fetchBundle, manifestKeyOf, stateDigest } from '../model/checkpoint.ts';
import { fetchVersion, readVersion } from '../model/model-versions.ts';
import { runCalled } from '../model/run-record.ts';
import { readManifest } from '../storage/commit.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import type { WeightsSource } from './weights-source.ts';

type OwnPlace = Extract<WeightsPlace, { kind: 'run' | 'bundle' | 'champion' }>;

/** A bundle in the store that can be had. */
interface Found {
  readonly key: string;
  readonly digest: string;
  readonly conventions: Conventions;
  /** Brings it to a folder; returns its prefix. */
  readonly fetch: (folder: string) => Promise<string>;
}

/** Calls `take` with the bundle as a local file, every byte as its manifest says. */
export async function withEarlierModel<T>(
  { store, openBucket, scratch }: DataServices,
  place: OwnPlace,
  sha256: string | undefined,
  { signal }: Pick<Step, 'signal'>,
  take: (source: WeightsSource) => Promise<T>,
): Promise<T> {
  const bucket = place.kind === 'bundle' ? await openBucket(place.bucket) : store;
  const folder = await mkdtemp(join(scratch, 'earlier-'));
  try {
    const { key, digest, conventions, fetch } = await find(bucket, place, sha256, signal);
    const address = `s3://${bucket.bucket}/${key}`;
    if (sha256 !== undefined && digest !== sha256) {
      throw invalid(`${address}: expected SHA-256 ${sha256} of its variables, got ${digest}`);
    }
    const path = await fetch(folder);
    return await take({ file: { kind: 'nightshift', path }, conventions, address });
  } finally {
    await rm(folder, { recursive: true, force: true });
    if (bucket !== store) bucket.close();
  }
}

async function find(
  store: ObjectStore,
  place: OwnPlace,
  sha256: string | undefined,
  signal: AbortSignal,
): Promise<Found> {
  if (place.kind === 'champion') return findVersion(store, place.model, sha256, signal);
  const key = place.kind === 'run' ? await bestOfRun(store, place.id, signal) : keyOf(place);
  const address = `s3://${store.bucket}/${key}`;
  const manifest = await readManifest(store, key, checkpointManifestSchema, { signal });
  if (!manifest) throw invalid(`${address}: there is no such checkpoint; give another`);
  if (manifest.pruned) throw invalid(`${address}: its variables were let go of; give another`);
  return {
    ...{ key, digest: stateDigest(manifest), conventions: manifest.conventions },
    fetch: (folder) => fetchBundle(store, manifest, folder, { signal }),
  };
}

/** Of a digest that is given the version itself: by now another one may be the champion. */
async function findVersion(
  store: ObjectStore,
  model: string,
  sha256: string | undefined,
  signal: AbortSignal,
): Promise<Found> {
  const digest = sha256 ?? (await readChampion(store, model, { signal }))?.digest;
  if (digest === undefined) {
    throw invalid(
      `champion:${model}: bucket ${store.bucket} has no champion of this name: give one that 'nightshift models' shows, or make one with 'nightshift promote'`,
    );
  }
  const version = await readVersion(store, { model, digest }, { signal });
  return {
    ...{ key: versionManifestKey(model, digest), digest, conventions: version.conventions },
    fetch: (folder) => fetchVersion(store, version, folder, { signal }),
  };
}

/** The manifest's key of the best state of a run that came to its end. */
async function bestOfRun(store: ObjectStore, id: string, signal: AbortSignal): Promise<string> {
  const run = await runCalled(store, id, { signal });
  const result = await readManifest(store, runResultKey(run), runResultManifestSchema, { signal });
  if (!result) {
    throw invalid(
      `run:${id}: no run that came to its end has this id, or its workflow has, in bucket ${store.bucket}: give one that 'nightshift list' shows as completed`,
    );
  }
  return manifestKeyOf(result.checkpoint);
}

function keyOf({ bucket, prefix }: Extract<OwnPlace, { kind: 'bundle' }>): string {
  const key = manifestKeyOfBundle(prefix);
  if (key !== undefined) return key;
  throw invalid(
    `s3://${bucket}/${prefix}: is not where a checkpoint's variables lie, as in s3://bucket/runs/<run>/<lineage>/<step>/<attempt>/variables`,
  );
}

const invalid = (problem: string): NightshiftError => new NightshiftError('InvalidData', problem);
