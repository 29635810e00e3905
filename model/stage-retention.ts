/**
 * Data stages that come and go: views, features computed of them, and what was never finished. One
 * that is let go of is made again to the same digest when it is asked for.
 */
import { placeInStage, stageKeptKey, stageManifestKey, stagesPrefix } from '../contract/keys.ts';
import { datasetManifestSchema, shardSetManifestSchema } from '../contract/manifests.ts';
import { timeOf } from '../storage/clock.ts';
import { readPointer } from '../storage/pointer.ts';
import { DamagedObject } from '../storage/store.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';

/**
 * Says that a stage is asked for, and may be let go of so many days later. Comes before its manifest
 * is looked for: who sweeps meanwhile sees this, or the manifest is seen to be gone.
 */
export async function keepStage(
  store: ObjectStore,
  digest: string,
  days: number,
  options: CallOptions = {},
): Promise<void> {
  await store.put(stageKeptKey(digest, days), new Uint8Array(), options);
}

export interface StageRetention extends CallOptions {
  /** For stages that were never finished and say nothing of it themselves. */
  readonly days: number;
  /** Digests of the stages that runs under way need; whatever is computed of them is needed too. */
  readonly inUse: ReadonlySet<string>;
}

/** What was let go of. */
export interface SweptStages {
  readonly stages: number;
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Lets go of stages that nobody has asked for or written to for their days, and that are not in use:
 * finished ones that say they may be, and unfinished ones, failed imports too. What a dataset names
 * stays, and so do datasets, splits, base shards, weights and predictions.
 */
export async function sweepStages(
  store: ObjectStore,
  { days, inUse, ...options }: StageRetention,
): Promise<SweptStages> {
  const now = await timeOf(store, options);
  const seen = await seenStages(store, options);
  const old = [...seen].filter(([digest, { newestAt, keptDays, isSealed }]) => {
    const ends = keptDays ?? (isSealed ? Infinity : days);
    return newestAt + ends * dayMs < now && !inUse.has(digest);
  });
  const named = old.some(([, { isSealed }]) => !isSealed)
    ? await namedByDatasets(store, seen, options)
    : undefined;
  const swept = { stages: 0, objects: 0, bytes: 0 };
  for (const [digest, { isSealed, newestAt }] of old) {
    const isNeeded = isSealed
      ? await isOfImagesIn(store, digest, inUse, options)
      : (named?.has(digest) ?? true);
    if (isNeeded) continue;
    const gone = await letGo(store, digest, newestAt, options);
    if (gone.objects === 0) continue;
    swept.stages += 1;
    swept.objects += gone.objects;
    swept.bytes += gone.bytes;
  }
  return swept;
}

const dayMs = 24 * 60 * 60 * 1000;

interface SeenStage {
  readonly newestAt: number;
  /** The longest that was asked for. */
  readonly keptDays: number | undefined;
  readonly isSealed: boolean;
  readonly isDataset: boolean;
}

async function seenStages(
  store: ObjectStore,
  options: CallOptions,
): Promise<ReadonlyMap<string, SeenStage>> {
  const seen = new Map<string, SeenStage>();
  for await (const { key, lastModified } of store.list(stagesPrefix, options)) {
    const place = placeInStage(key);
    if (!place) continue;
    const before = seen.get(place.digest);
    const days = [before?.keptDays, place.keptDays].filter((one) => one !== undefined);
    seen.set(place.digest, {
      newestAt: Math.max(before?.newestAt ?? 0, lastModified.getTime()),
      keptDays: days.length > 0 ? Math.max(...days) : undefined,
      isSealed: (before?.isSealed ?? false) || place.isManifest,
      isDataset: (before?.isDataset ?? false) || place.isIndex,
    });
  }
  return seen;
}

/**
 * Stages in whose folders the packs of a dataset lie: an import has no manifest of its own. Undefined
 * where a dataset can't be read, which might name any.
 */
async function namedByDatasets(
  store: ObjectStore,
  seen: ReadonlyMap<string, SeenStage>,
  options: CallOptions,
): Promise<Set<string> | undefined> {
  const named = new Set<string>();
  for (const [digest, { isDataset }] of seen) {
    if (!isDataset) continue;
    const key = stageManifestKey(digest);
    const dataset = await unlessDamaged(readPointer(store, key, datasetManifestSchema, options));
    if (dataset === 'damaged') return undefined;
    for (const file of dataset?.files ?? []) named.add(placeInStage(file.key)!.digest);
  }
  return named;
}

async function unlessDamaged<T>(read: Promise<T>): Promise<T | 'damaged'> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof DamagedObject) return 'damaged';
    throw error;
  }
}

/** Whether it was made of a stage that is in use; what can't be read says nothing. */
async function isOfImagesIn(
  store: ObjectStore,
  digest: string,
  inUse: ReadonlySet<string>,
  options: CallOptions,
): Promise<boolean> {
  const key = stageManifestKey(digest);
  const manifest = await unlessDamaged(readPointer(store, key, shardSetManifestSchema, options));
  if (manifest === undefined || manifest === 'damaged') return false;
  return manifest.inputs.some((input) => inUse.has(input));
}

/**
 * Its manifest first: from then on it is made again. One that was asked for just before has said
 * so, and keeps its parts. Each part's manifest goes before its data, so that none is taken for whole.
 */
async function letGo(
  store: ObjectStore,
  digest: string,
  newestAt: number,
  options: CallOptions,
): Promise<Omit<SweptStages, 'stages'>> {
  await store.delete([stageManifestKey(digest)], options);
  const parts: string[] = [];
  const others: string[] = [];
  let bytes = 0;
  for await (const { key, size, lastModified } of store.list(
    `${stagesPrefix}${digest}/`,
    options,
  )) {
    if (lastModified.getTime() > newestAt) return { objects: 0, bytes: 0 };
    (placeInStage(key)!.isPartManifest ? parts : others).push(key);
    bytes += size;
  }
  await store.delete(parts, options);
  await store.delete(others, options);
  return { objects: parts.length + others.length, bytes };
}
