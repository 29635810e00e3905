/** Ends a fan-out: one manifest that names all parts. */
import { partManifestKey, stageManifestKey } from '../contract/keys.ts';
import { partManifestSchema, shardSetManifestSchema } from '../contract/manifests.ts';
import type { PartedStage } from '../contract/stages.ts';
import { inWindow } from '../contract/window.ts';
import { commitManifest, readManifest } from '../storage/commit.ts';
import { DamagedObject } from '../storage/store.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { describeStage } from './stages.ts';

const readsAtOnce = 16;

/** Throws `DamagedObject` when a part is missing. */
export async function sealStage(
  { store }: DataServices,
  stage: PartedStage,
  { signal, attempt }: Step,
): Promise<void> {
  const { digest, operation, parameters, inputs, classes, parts, samples } = await describeStage(
    store,
    stage,
  );
  const keys = Array.from({ length: parts }, (_, part) => partManifestKey(digest, part));
  const manifests = await inWindow(keys, readsAtOnce, async (key) => {
    const manifest = await readManifest(store, key, partManifestSchema, { signal });
    if (!manifest) throw new DamagedObject({ bucket: store.bucket, key }, 'is missing');
    return manifest;
  });
  const shards = manifests.map(({ shard }) => shard);
  const counted = shards.reduce((sum, shard) => sum + shard.samples, 0);
  if (counted !== samples) {
    throw new Error(
      `stage ${digest}: expected ${samples} samples in ${parts} parts, got ${counted}`,
    );
  }
  await commitManifest(
    store,
    stageManifestKey(digest),
    shardSetManifestSchema,
    {
      version: 1,
      generation: 0,
      kind: 'shards',
      attempt,
      digest,
      operation,
      parameters: parameters as never,
      inputs: [...inputs],
      classes: [...classes],
      samples,
      files: manifests.flatMap(({ files }) => files),
      shards,
    },
    { signal },
  );
}
