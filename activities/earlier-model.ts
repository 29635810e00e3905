/** A model that an earlier run made: found by the run's id, its workflow's, or the place of its bundle. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NightshiftError } from '../contract/failures.ts';
import { manifestKeyOfBundle, runResultKey } from '../contract/keys.ts';
import { checkpointManifestSchema, runResultManifestSchema } from '../contract/manifests.ts';
import type { WeightsPlace } from '../contract/weights.ts';
import { fetchBundle, manifestKeyOf, stateDigest } from '../model/checkpoint.ts';
import { runCalled } from '../model/run-record.ts';
import { readManifest } from '../storage/commit.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import type { WeightsSource } from './weights-source.ts';

type OwnPlace = Extract<WeightsPlace, { kind: 'run' | 'bundle' }>;

/** Calls `take` with the bundle as a local file, every byte as its manifest says. */
export async function withEarlierModel<T>(
  { store, openBucket, scratch }: DataServices,
  place: OwnPlace,
  sha256: string | undefined,
  { signal }: Pick<Step, 'signal'>,
  take: (source: WeightsSource) => Promise<T>,
): Promise<T> {
  const bucket = place.kind === 'run' ? store : await openBucket(place.bucket);
  const folder = await mkdtemp(join(scratch, 'earlier-'));
  try {
    const key = place.kind === 'run' ? await bestOfRun(store, place.id, signal) : keyOf(place);
    const address = `s3://${bucket.bucket}/${key}`;
    const manifest = await readManifest(bucket, key, checkpointManifestSchema, { signal });
    if (!manifest) throw invalid(`${address}: there is no such checkpoint; give another`);
    if (manifest.pruned) throw invalid(`${address}: its variables were let go of; give another`);
    const digest = stateDigest(manifest);
    if (sha256 !== undefined && digest !== sha256) {
      throw invalid(`${address}: expected SHA-256 ${sha256} of its variables, got ${digest}`);
    }
    const path = await fetchBundle(bucket, manifest, folder, { signal });
    const { conventions } = manifest;
    return await take({ file: { kind: 'nightshift', path }, conventions, address });
  } finally {
    await rm(folder, { recursive: true, force: true });
    if (bucket !== store) bucket.close();
  }
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
