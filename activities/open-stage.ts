/** Says what a parted stage is, how many parts it has, and whether it is all there already. */
import { stageManifestKey } from '../contract/keys.ts';
import { shardSetManifestSchema } from '../contract/manifests.ts';
import type { OpenedStage, PartedStage } from '../contract/stages.ts';
import { keepStage } from '../model/stage-retention.ts';
import { readManifest } from '../storage/commit.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { describeStage, intact } from './stages.ts';

export async function openStage(
  { store }: DataServices,
  stage: PartedStage,
  { signal }: Step,
): Promise<OpenedStage> {
  const { digest, parts, samples } = await describeStage(store, stage);
  if ('keepDays' in stage) await keepStage(store, digest, stage.keepDays, { signal });
  const key = stageManifestKey(digest);
  const sealed = await intact(() => readManifest(store, key, shardSetManifestSchema, { signal }));
  return { digest, parts, samples, sealed: sealed !== undefined };
}
