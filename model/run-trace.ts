/** What a training did, step by step: read along its chain of checkpoints, of which each holds the steps since its parent. */
import { checkpointManifestSchema } from '../contract/manifests.ts';
import type { CheckpointManifest, StoredFile } from '../contract/manifests.ts';
import type { CheckpointReference } from '../contract/stages.ts';
import { readFileOf } from '../storage/commit.ts';
import { readPointer } from '../storage/pointer.ts';
import { DamagedObject } from '../storage/store.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import { ledgerFile, lossesFile } from './checkpoint-files.ts';
import { manifestKeyOf, readCheckpoint } from './checkpoint.ts';

/**
 * The loss of every step up to `last`. Of steps whose record is damaged by now it is NaN: no
 * reason to take them again, and none to do without the others.
 */
export async function readLosses(
  store: ObjectStore,
  last: CheckpointReference,
  options: CallOptions = {},
): Promise<number[]> {
  const losses = Array.from({ length: last.step }, () => Number.NaN);
  for (let next: CheckpointReference | null = last; next;) {
    const key: string = manifestKeyOf(next);
    // Its weights are of no matter here.
    const manifest = await ifWhole(() =>
      readPointer(store, key, checkpointManifestSchema, options),
    );
    if (!manifest) break;
    const file = fileNamed(manifest, lossesFile);
    const bytes = (await ifWhole(() => readFileOf(store, file, options))) ?? [];
    const segment = new Float32Array(Uint8Array.from(bytes).buffer);
    losses.splice(manifest.parent?.step ?? 0, segment.length, ...segment);
    next = manifest.parent;
  }
  return losses;
}

/** The ids of the samples really read up to `last`, in the order of the steps. */
export async function readLedger(store: ObjectStore, last: CheckpointReference): Promise<string[]> {
  const files = await readAlong(store, last, ledgerFile);
  return files.flatMap((bytes) => Buffer.from(bytes).toString().split('\n').slice(0, -1));
}

/** The checkpoints up to `last`, oldest first. */
export async function checkpointChain(
  store: ObjectStore,
  last: CheckpointReference,
): Promise<CheckpointManifest[]> {
  const chain: CheckpointManifest[] = [];
  for (let next: CheckpointReference | null = last; next;) {
    const manifest: CheckpointManifest = await readCheckpoint(store, next);
    chain.unshift(manifest);
    next = manifest.parent;
  }
  return chain;
}

async function readAlong(
  store: ObjectStore,
  last: CheckpointReference,
  file: string,
): Promise<Uint8Array[]> {
  const contents: Uint8Array[] = [];
  for (const manifest of await checkpointChain(store, last)) {
    contents.push(await readFileOf(store, fileNamed(manifest, file)));
  }
  return contents;
}

const fileNamed = ({ files }: CheckpointManifest, name: string): StoredFile =>
  files.find((file) => file.name === name)!;

async function ifWhole<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DamagedObject) return undefined;
    throw error;
  }
}
