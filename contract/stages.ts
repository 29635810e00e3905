/** What identifies a run's data stages and its training: all that their digests are made from. */
import { z } from 'zod';
import type { AugmentConfig, Config } from './config.ts';
import { validationSchema } from './progress.ts';
import type { Validation } from './progress.ts';
import type { Decision, Numerics } from './timeline.ts';
import type { Side } from './manifests.ts';
import { fromScratch, initialWeightsSchema } from './weights.ts';
import type { Conventions } from './weights.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const natural = z.int().min(0);

/** The decoded, resized images of one side of a split. */
export interface BaseShards {
  readonly kind: 'base';
  readonly split: string;
  readonly side: Side;
  readonly imageSize: number;
  readonly shardBytes: number;
}

/** What is done to each image by itself, before training: batches are mixed in the graph. */
export type ImageAugmentation = Omit<AugmentConfig, 'views' | 'mixup' | 'cutmix' | 'keepDays'>;

/** One view of a base set: each image augmented by f(seed, view, image). */
export interface AugmentedShards {
  readonly kind: 'augmented';
  readonly base: string;
  /** Height and width of a view. The base set was made for it, so it follows from that. */
  readonly imageSize: number;
  readonly seed: number;
  readonly view: number;
  readonly augment: ImageAugmentation;
  /** How long it stays after it was last asked for: no part of what it is. */
  readonly keepDays: number;
}

/** What the backbone, of which nothing learns, makes of the images of a shard set: float32, a record an image. */
export interface FeatureShards {
  readonly kind: 'features';
  /** Digest of the images' shards. */
  readonly images: string;
  /** Digest of the backbone's weights; null: they follow from the seed. */
  readonly weights: string | null;
  readonly seed: number;
  /** What computes them; `graph` is its part from images to features. */
  readonly numerics: Numerics;
  /** How long they stay after they were last asked for: no part of what they are. */
  readonly keepDays: number;
}

/** What a model makes of the images of a base set: JSON Lines files, a row an image. */
export interface Predictions {
  readonly kind: 'predictions';
  readonly base: string;
  /** A run's state, or a version in the registry. */
  readonly checkpoint: CheckpointReference | VersionReference;
  readonly config: Config;
  readonly classes: readonly string[];
  readonly conventions: Conventions;
}

/** A stage that is made in parts, a part an activity, and then sealed. */
export type PartedStage = BaseShards | AugmentedShards | FeatureShards | Predictions;

/** A parted stage once its digest and parts are known; `sealed`: it is all there already. */
export interface OpenedStage {
  readonly digest: string;
  readonly parts: number;
  readonly samples: number;
  readonly sealed: boolean;
}

/** Which checkpoint; whether it is in the store yet is another matter. */
export const checkpointReferenceSchema = z.strictObject({
  run: z.string(),
  lineage: sha256,
  step: natural,
});
export type CheckpointReference = z.infer<typeof checkpointReferenceSchema>;

/** A version of a model in the registry, by the digest of its variables. */
export interface VersionReference {
  readonly model: string;
  readonly digest: string;
}

/** A validation, and the state it was of; null: its weights are gone, or were left with another run. */
export const validatedStateSchema = z.strictObject({
  ...validationSchema.shape,
  checkpoint: checkpointReferenceSchema.nullable(),
});
export type ValidatedState = z.infer<typeof validatedStateSchema>;

/** One whose weights are there. */
export type UsableState = ValidatedState & { readonly checkpoint: CheckpointReference };

/** The most accurate first; of equals the earliest. */
export const byAccuracy = <T extends Validation>(validations: readonly T[]): T[] =>
  validations.toSorted((a, b) => b.accuracy - a.accuracy || a.step - b.step);

/** The most accurate states whose weights are there, the best first; of equals the earliest. */
export const bestOf = (validations: readonly ValidatedState[]): UsableState[] =>
  byAccuracy(validations.filter((one): one is UsableState => one.checkpoint !== null));

/**
 * As it was resolved, by whatever version: filled in or refused by a later one's rules, it would be
 * another run's. Who goes on from it parses it anew.
 */
const resolvedConfigSchema = z.custom<Config>(
  (value) => typeof value === 'object' && value !== null,
  'must be a configuration',
);

/** What a run trains on; with a timeline and a step, all that its state depends on. */
export const trainingInputsSchema = z.strictObject({
  run: z.string(),
  config: resolvedConfigSchema,
  classes: z.array(z.string()).readonly(),
  /** Digests of the dataset and of its split. */
  dataset: sha256,
  split: sha256,
  /** null: from scratch. */
  weights: initialWeightsSchema.nullable(),
  /** Digests of the base shards. */
  train: sha256,
  validation: sha256,
  /** Training samples. */
  samples: natural,
  /** The state of another run that this one goes on from; without it, it begins from the initial state. */
  origin: checkpointReferenceSchema.exactOptional(),
  /** Where the way of this run's states parts from that of another: its settings are others from there on. */
  forkedFrom: checkpointReferenceSchema.omit({ run: true }).exactOptional(),
  /** The step after which `training.plateau` decides: what came before was decided by another run's. */
  plateauFrom: natural.exactOptional(),
  /** The step after which `training.earlyStop` counts: before, it was another rule's, or had come to its end. */
  earlyStopFrom: natural.exactOptional(),
});
export type TrainingInputs = z.infer<typeof trainingInputsSchema>;

export const conventionsOf = ({ weights }: Pick<TrainingInputs, 'weights'>): Conventions =>
  weights?.conventions ?? fromScratch;

/** Where to go from the newest durable state: to the state after `toStep` steps. */
export interface TrainStepsInput {
  readonly inputs: TrainingInputs;
  readonly timeline: readonly Decision[];
  /** All so far: what a checkpoint says of the run's decisions follows from those before it. */
  readonly validations: readonly Validation[];
  /** The steps of the best of these, as many as are kept whole. */
  readonly best: readonly number[];
  /** The step at which the segment before ended, on any worker. */
  readonly reachedStep: number;
  /** The furthest step that is known to have been taken, by attempts that failed too: what is lost when an older state must do. */
  readonly seenStep: number;
  readonly toStep: number;
  /**
   * Once so many seconds are over the step reached is enough: the first one, or `reachedStep`, is
   * trained to all the same. Without it, the configuration's slice alone bounds the time.
   */
  readonly enoughAfterSeconds?: number;
  /** Somebody waits for the state that this comes to. */
  readonly asked?: AskedState;
}

/** The state is in the store when the segment returns. */
export interface AskedState {
  /** And validated, whatever the plan says: nothing is decided by that. */
  readonly validation: boolean;
}

/** What a segment of training came to. */
export interface Segment {
  /** The state reached, which the trainer holds: durable only after the last step, or when it was asked for again. */
  readonly step: number;
  readonly checkpoint: CheckpointReference;
  /** The step of the state it began from, when that had to be loaded; null when the trainer was warm. */
  readonly loadedStep: number | null;
  /** Mean loss of the last step, in nats; null when the state was there already. */
  readonly loss: number | null;
  /** Of the last step; null likewise. */
  readonly learningRate: number | null;
  readonly images: number;
  /** Seconds of the training loop, waiting for data and saving included. */
  readonly seconds: number;
  /** Seconds in which the trainer worked: loading, steps, saving, validation. */
  readonly busySeconds: number;
  /** Seconds in which a trainer was held: these, and waiting. */
  readonly trainerSeconds: number;
  readonly validation: Validation | null;
  /** The one that was asked for, of whatever step. */
  readonly lookedAt?: Validation;
  readonly durableStep: number;
  /** When the newest checkpoint became durable, in epoch milliseconds. */
  readonly durableAt: number | null;
  /** The queue of the worker whose trainer holds the state. */
  readonly workerQueue: string;
}

/** A state that is in the store, and when it came there, in epoch milliseconds. */
export interface StoredState {
  readonly step: number;
  readonly at: number;
}

/** A run as its workflow has it: where another run can go on from. */
export interface RunRecord {
  readonly run: string;
  readonly workflowId: string;
  readonly execution: { readonly id: string; readonly at: number; readonly revision: number };
  readonly preset: string;
  readonly inputs: TrainingInputs;
  readonly timeline: readonly Decision[];
  readonly validations: readonly ValidatedState[];
  readonly step: number;
}

/** What a run takes over from the one that it goes on from. */
export interface Takeover {
  /** The other run, and what it is called. */
  readonly run: string;
  readonly workflowId: string;
  /** The state to go on from; null: it had none, and all begins anew. */
  readonly origin: CheckpointReference | null;
  /** Whether its settings are others from there on. */
  readonly forked: boolean;
  readonly forkedFrom: TrainingInputs['forkedFrom'] | null;
  /** The step after which `training.plateau` decides, where it was another before. */
  readonly plateauFrom?: number;
  /** The step after which `training.earlyStop` counts, where it was another before or had ended training. */
  readonly earlyStopFrom?: number;
  /**
   * The step it had reached, or the first one whose validated weights are lost: what lies between
   * the state and this is trained again, as it was.
   */
  readonly step: number;
  /** What the other run trained on. */
  readonly inputs: TrainingInputs;
  readonly timeline: readonly Decision[];
  readonly validations: readonly ValidatedState[];
  /** The settings that are others than its, as lines of text. */
  readonly changes: readonly string[];
}

/** The identity of the augmented shards an epoch reads: a view of its own, or the one whose turn it is. */
export function augmentedShards(inputs: TrainingInputs, epoch: number): AugmentedShards {
  const { seed, model } = inputs.config;
  const {
    views = Infinity,
    mixup: _mixup,
    cutmix: _cutmix,
    keepDays,
    ...augment
  } = inputs.config.augment;
  return {
    kind: 'augmented',
    base: inputs.train,
    imageSize: model.imageSize,
    ...{ seed, view: epoch % views, augment, keepDays },
  };
}

/**
 * Which features a run computes once, and reads in the images' stead: only where nothing below the
 * head learns; those of training where views come again, those of validation always.
 */
export function featuresKept(config: Config): { train: boolean; validation: boolean } {
  const { model, augment, training } = config;
  const validation = model.trainable === 'head';
  return { train: validation && (augment.views ?? Infinity) < training.epochs, validation };
}

/** One part of an opened stage, or several from one on, for the activity that makes them. */
export interface PartInput<Stage extends PartedStage = PartedStage> {
  readonly stage: Stage;
  readonly digest: string;
  readonly part: number;
  /** How many; without it, one. */
  readonly parts?: number;
}
