/** Stages that are made in parts: their identity, the commit of a part, and what of them is there. */
import type { z } from 'zod';
import { partManifestKey, stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import {
  datasetManifestSchema,
  partManifestSchema,
  shardSetManifestSchema,
  splitManifestSchema,
} from '../contract/manifests.ts';
import type { Shard, ShardSetManifest, SplitManifest } from '../contract/manifests.ts';
import { planShards, shardBytesIn } from '../contract/plan.ts';
import type { PlannedShard } from '../contract/plan.ts';
import type { AugmentedShards, BaseShards, PartInput, PartedStage } from '../contract/stages.ts';
import { augmentOperationVersion } from '../data/augment.ts';
import { digestOf } from '../data/digest.ts';
import { weightsOf } from '../model/model-versions.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import type { DataFile, Manifest } from '../storage/commit.ts';
import { readPointer } from '../storage/pointer.ts';
import { DamagedObject } from '../storage/store.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Step } from './durable.ts';

export const baseShardsOperation = 'base-shards/1';
export const augmentOperation = `augment/${augmentOperationVersion}`;

/** A stage's digest, and all that it follows from. */
export interface StageIdentity {
  readonly digest: string;
  readonly operation: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly inputs: readonly string[];
}

/** The digest of an operation (its name and version) on inputs, under parameters. */
export function identify(
  operation: string,
  parameters: StageIdentity['parameters'],
  inputs: readonly string[],
): StageIdentity {
  return { digest: digestOf({ operation, parameters, inputs }), operation, parameters, inputs };
}

export interface StageDescription extends StageIdentity {
  readonly classes: readonly string[];
  readonly samples: number;
  readonly parts: number;
}

/** What a parted stage is and how large, from the manifests of its inputs. */
export async function describeStage(
  store: ObjectStore,
  stage: PartedStage,
): Promise<StageDescription> {
  switch (stage.kind) {
    case 'base': {
      const { split, side, imageSize } = stage;
      const { dataset, classes, samples } = await readSplit(store, split);
      const shardBytes = baseShardBytes(stage, samples[side]);
      const decoding = await decodingOf(store, dataset);
      return {
        ...identify(baseShardsOperation, { side, imageSize, shardBytes, ...decoding }, [split]),
        classes,
        samples: samples[side],
        parts: planBaseShards(stage, samples[side]).length,
      };
    }
    case 'augmented': {
      const { classes, samples, shards } = await readShardSet(store, stage.base);
      return { ...identifyAugmented(stage), classes, samples, parts: shards.length };
    }
    case 'features': {
      const { images, weights, seed, numerics } = stage;
      const { classes, samples, shards } = await readShardSet(store, images);
      const identity =
        weights === null
          ? identify('features/1', { numerics, seed }, [images])
          : identify('features/1', { numerics }, [images, weights]);
      return { ...identity, classes, samples, parts: shards.length };
    }
    case 'predictions': {
      const { classes, samples, shards } = await readShardSet(store, stage.base);
      const { config, conventions } = stage;
      const { model, training } = config;
      const inputs = [stage.base, (await weightsOf(store, stage.checkpoint)).digest];
      const parameters = { model, conventions, precision: training.precision };
      return {
        ...identify('predictions/2', parameters, inputs),
        classes,
        samples,
        parts: shards.length,
      };
    }
  }
}

/** What it is is known before anything of it is there. */
export function identifyAugmented({ base, seed, view, augment }: AugmentedShards): StageIdentity {
  return identify(augmentOperation, { seed, view, augment }, [base]);
}

/** What the pixels of image files follow from besides; it is loaded where there are any. */
async function decodingOf(store: ObjectStore, dataset: string): Promise<{ decoder?: string }> {
  const { encoding } = await required(store, stageManifestKey(dataset), datasetManifestSchema);
  if (encoding === 'planes') return {};
  const { decoder } = await import('../data/decode.ts');
  return { decoder };
}

/** The shards a base stage is cut into. */
export function planBaseShards(stage: BaseShards, samples: number): PlannedShard[] {
  return planShards(samples, imageBytes(stage), baseShardBytes(stage, samples));
}

const imageBytes = ({ imageSize }: BaseShards): number => imageSize ** 2 * 3;

const baseShardBytes = (stage: BaseShards, samples: number): number =>
  shardBytesIn(samples * imageBytes(stage), stage.shardBytes);

export async function readSplit(store: ObjectStore, digest: string): Promise<SplitManifest> {
  return required(store, stageManifestKey(digest), splitManifestSchema);
}

export async function readShardSet(store: ObjectStore, digest: string): Promise<ShardSetManifest> {
  return required(store, stageManifestKey(digest), shardSetManifestSchema);
}

/**
 * A manifest that must be there. The files it names are not looked at: each of a stage's parts
 * reads it for a file or two of thousands, which are verified when they are read.
 */
export async function required<M extends Manifest>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<M>,
): Promise<M> {
  const manifest = await readPointer(store, key, schema);
  if (!manifest) throw new DamagedObject({ bucket: store.bucket, key }, 'is missing');
  return manifest;
}

/** A part's file, before it is stored. */
export type PartFile = DataFile & {
  readonly samples: number;
  readonly labelCounts: readonly number[];
};

/** Makes and commits one part, unless it is there already and verifies. */
export async function makePart(
  store: ObjectStore,
  { digest, part }: PartInput,
  step: Step,
  make: () => Promise<PartFile>,
): Promise<void> {
  const { signal } = step;
  const key = partManifestKey(digest, part);
  const verified = { deep: true, signal };
  if (await intact(() => readManifest(store, key, partManifestSchema, verified))) return;
  const made = await make();
  const { samples, labelCounts } = made;
  signal.throwIfAborted();
  const prefix = stageDataPrefix(digest, step.attempt);
  const [file] = await writeData(store, prefix, [made], { signal });
  const shard: Shard = { ...file!, samples, labelCounts: [...labelCounts] };
  await commitManifest(
    store,
    key,
    partManifestSchema,
    {
      version: 1,
      generation: 0,
      kind: 'part',
      attempt: step.attempt,
      stage: digest,
      part,
      files: [file!],
      shard,
    },
    { signal },
  );
}

/** What `read` gives; undefined when it is damaged, for then it is made again. */
export async function intact<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DamagedObject) return undefined;
    throw error;
  }
}
