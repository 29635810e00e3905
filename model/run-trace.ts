/** What a training did, step by step: read along its chain of checkpoints, of which each holds the steps since its parent. */
import type { CheckpointManifest } from '../contract/manifests.ts';
import type { CheckpointReference } from '../contract/stages.ts';
import type { ObjectStore } from '../storage/store.ts';
import { ledgerFile, lossesFile } from './checkpoint-files.ts';
import { readCheckpoint } from './checkpoint.ts';

/** The loss of every step up to `last`. */
export async function readLosses(store: ObjectStore, last: CheckpointReference): Promise<number[]> {
  const files = await readAlong(store, last, lossesFile);
  return files.flatMap((bytes) => [...new Float32Array(Uint8Array.from(bytes).buffer)]);
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
  for (const { files } of await checkpointChain(store, last)) {
    const { key } = files.find(({ name }) => name === file)!;
    contents.push((await store.get(key)).bytes);
  }
  return contents;
}
