/**
 * The records that steps and validations read: images, or the features that the backbone makes of
 * them where a run keeps those. Features are made by the trainer that is about to read them, a
 * part a shard of images, so that a kill costs one part.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { featuresKept } from '../contract/stages.ts';
import type { FeatureShards, TrainingInputs } from '../contract/stages.ts';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { LocalShard, RecordKind, StoredShard } from '../model/trainer-messages.ts';
import type { Step } from './durable.ts';
import { isOfDamage, storedShards, withLocalShard } from './local-shards.ts';
import { openStage } from './open-stage.ts';
import { sealStage } from './seal-stage.ts';
import type { ModelServices } from './services.ts';
import { describeStage, makePart, readShardSet } from './stages.ts';
import { untilStopped } from './trainer-host.ts';
import type { WarmTrainer } from './trainer-host.ts';

export interface TrainingRecords {
  readonly records: RecordKind;
  readonly shards: readonly StoredShard[];
}

/** Who computes features that are missing: a trainer that holds any state of the run. */
export interface FeatureMaker {
  readonly trainer: WarmTrainer;
  readonly step: Step;
  readonly onEvent: (event: TrainerEvent) => void;
}

/**
 * Calls `work` with the records to train on, or validate by, of the shards `images`. Where features
 * turn out to be damaged on the way they are made again, and so is the call: it is to go on where
 * it was.
 */
export async function withTrainingRecords<T>(
  services: ModelServices,
  inputs: TrainingInputs,
  images: string,
  side: 'train' | 'validation',
  maker: FeatureMaker,
  work: (read: TrainingRecords) => Promise<T>,
): Promise<T> {
  const { store } = services;
  if (!featuresKept(inputs.config)[side]) {
    return work({ records: 'images', shards: await storedShards(store, images) });
  }
  const stage = featuresOf(inputs, images, maker.trainer);
  const { digest, sealed } = await openStage(services, stage, maker.step);
  const withFeatures = async (): Promise<T> =>
    work({ records: 'features', shards: await storedShards(store, digest) });
  if (!sealed) await makeFeatures(services, stage, maker);
  try {
    return await withFeatures();
  } catch (error) {
    if (!isOfDamage(error)) throw error;
    // They are there in their sizes, but with other bytes: each part is looked at now.
    await makeFeatures(services, stage, maker);
    return withFeatures();
  }
}

function featuresOf(
  { weights, config }: TrainingInputs,
  images: string,
  { client }: WarmTrainer,
): FeatureShards {
  const numerics = { ...client.numerics, graph: client.featureGraph };
  return {
    kind: 'features',
    images,
    weights: weights?.digest ?? null,
    seed: config.seed,
    numerics,
    keepDays: config.augment.keepDays,
  };
}

/** Makes the parts that are missing or damaged, and seals them. */
async function makeFeatures(
  services: ModelServices,
  stage: FeatureShards,
  maker: FeatureMaker,
): Promise<void> {
  const { store } = services;
  const { step } = maker;
  const { digest } = await describeStage(store, stage);
  const { shards } = await readShardSet(store, stage.images);
  for (const [part, { samples, labelCounts }] of shards.entries()) {
    await makePart(store, { stage, digest, part }, step, async () => {
      const name = `features-${String(part).padStart(5, '0')}.tfrecord`;
      const bytes = await withLocalShard(services, stage.images, part, step.signal, (shard) =>
        extract(services.scratch, shard, maker),
      );
      return { name, bytes, samples, labelCounts };
    });
  }
  await sealStage(services, stage, step);
}

/** A shard of what the backbone makes of a shard's images. */
async function extract(
  scratch: string,
  shard: LocalShard,
  { trainer, step, onEvent }: FeatureMaker,
): Promise<Uint8Array> {
  const directory = await mkdtemp(join(scratch, 'features-'));
  try {
    const path = join(directory, 'features.tfrecord');
    await untilStopped(trainer, step.signal, () =>
      trainer.client.ask({ type: 'extract', shard, path }, onEvent),
    );
    return await readFile(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
