/** What of a run is let go of: the weights of old checkpoints, and what lost attempts left behind. */
import { z } from 'zod';
import { folderOfData } from '../contract/keys.ts';
import { checkpointManifestSchema, storedFileSchema } from '../contract/manifests.ts';
import type { CheckpointManifest, StoredFile } from '../contract/manifests.ts';
import type { TrainingInputs } from '../contract/stages.ts';
import type { Decision } from '../contract/timeline.ts';
import { timeOf } from '../storage/clock.ts';
import { movePointer, readPointer } from '../storage/pointer.ts';
import { DamagedObject } from '../storage/store.ts';
import type { CallOptions, ListedObject, ObjectStore } from '../storage/store.ts';
import { bundleFiles } from './checkpoint-files.ts';
import { checkpointsDownFrom, manifestKeyOf } from './checkpoint.ts';

/**
 * Lets go of the variables of a run's checkpoints, but for the `keep.newest` newest and those of
 * `keep.steps`. Losses and ledger stay: they are the run's record. The manifest says so first.
 */
export async function pruneCheckpoints(
  store: ObjectStore,
  inputs: TrainingInputs,
  timeline: readonly Decision[],
  keep: { readonly newest: number; readonly steps: readonly number[] },
  options: CallOptions = {},
): Promise<void> {
  const everything = Number.MAX_SAFE_INTEGER;
  const down = checkpointsDownFrom(store, inputs, timeline, everything, () => {}, options);
  let seen = 0;
  for await (const manifest of down) {
    seen += 1;
    if (seen <= keep.newest || keep.steps.includes(manifest.step)) continue;
    const isBundle = ({ name }: StoredFile): boolean =>
      (bundleFiles as readonly string[]).includes(name);
    const prune = (current: CheckpointManifest | undefined): CheckpointManifest | undefined =>
      current && !current.pruned
        ? { ...current, pruned: true, files: current.files.filter((file) => !isBundle(file)) }
        : undefined;
    const key = manifestKeyOf(manifest);
    await movePointer(store, key, checkpointManifestSchema, prune, options);
    await store.delete(
      manifest.files.filter(isBundle).map((file) => file.key),
      options,
    );
  }
}

/** What was let go of. */
export interface Swept {
  readonly objects: number;
  readonly bytes: number;
  /** Uploads in parts that never ended. */
  readonly uploads: number;
}

/**
 * Deletes what lost attempts left behind: data that no manifest names and uploads that never ended,
 * both older than `olderThanMs`, by which time no attempt lives that would still name it. Of a
 * folder with a manifest that can't be read, nothing: it might name any of it.
 */
export async function sweep(
  store: ObjectStore,
  { olderThanMs, ...options }: CallOptions & { readonly olderThanMs: number },
): Promise<Swept> {
  const before = new Date((await timeOf(store, options)) - olderThanMs);
  const uploads = await store.abortUploadsBefore(before, options);
  let [objects, bytes] = [0, 0];
  for (const prefix of ['runs/', 'stages/', 'models/']) {
    const data = oldData(store.list(prefix, options), before);
    for await (const { folder, old } of data) {
      // Named since it was listed, it is no orphan: the manifests are read now.
      const orphans = await unnamed(store, folder, old, options);
      await store.delete([...orphans.keys()], options);
      objects += orphans.size;
      for (const { size } of orphans.values()) bytes += size;
    }
  }
  return { objects, bytes, uploads };
}

/** Attempts' data as old as that, a folder after the other; a store that lists otherwise gives a folder in pieces. */
async function* oldData(
  listed: AsyncIterable<ListedObject>,
  before: Date,
): AsyncGenerator<{ folder: string; old: ListedObject[] }> {
  let now: { folder: string; old: ListedObject[] } | undefined;
  for await (const object of listed) {
    const folder = folderOfData(object.key);
    if (folder === undefined || object.lastModified >= before) continue;
    if (now && now.folder !== folder) {
      yield now;
      now = undefined;
    }
    now ??= { folder, old: [] };
    now.old.push(object);
  }
  if (now) yield now;
}

/** What any manifest has, whatever else. */
const namingSchema = z.looseObject({ files: z.array(storedFileSchema) });

/** Those that no manifest of the folder names, by key. */
async function unnamed(
  store: ObjectStore,
  folder: string,
  objects: readonly ListedObject[],
  options: CallOptions,
): Promise<Map<string, ListedObject>> {
  const left = new Map(objects.map((object) => [object.key, object]));
  try {
    for await (const key of manifestsOf(store, folder, options)) {
      const manifest = await readPointer(store, key, namingSchema, options);
      for (const file of manifest?.files ?? []) left.delete(file.key);
      if (left.size === 0) break;
    }
  } catch (error) {
    if (!(error instanceof DamagedObject)) throw error;
    left.clear();
  }
  return left;
}

/** The folder's own first: in most folders it names all there is. */
async function* manifestsOf(
  store: ObjectStore,
  folder: string,
  options: CallOptions,
): AsyncGenerator<string> {
  const own = `${folder}manifest.json`;
  yield own;
  for await (const { key } of store.list(folder, options)) {
    if (key !== own && key.endsWith('/manifest.json')) yield key;
  }
}
