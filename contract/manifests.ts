/** The schemas of the JSON that is stored. A manifest is the commit point of what it names. */
import { z } from 'zod';
import { controllerStateSchema } from './controller.ts';
import { validationSchema } from './progress.ts';
import { checkpointReferenceSchema, trainingInputsSchema, validatedStateSchema } from './stages.ts';
import { decisionSchema } from './timeline.ts';
import { conventionsSchema } from './weights.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const natural = z.int().min(0);

/** One stored object: where it lies, its size in bytes and its SHA-256. */
export const storedFileSchema = z.strictObject({
  name: z.string(),
  key: z.string(),
  size: natural,
  sha256,
});

/**
 * What every manifest has: the files it commits, and how often a winner that did not verify has
 * been replaced (`generation`).
 */
export const manifestShape = {
  version: z.literal(1),
  generation: natural,
  attempt: z.string(),
  files: z.array(storedFileSchema),
};

const stageShape = {
  ...manifestShape,
  /** The stage's own digest, and the digests of what it was made from. */
  digest: sha256,
  inputs: z.array(sha256),
  operation: z.string(),
  parameters: z.json(),
};

/**
 * How a dataset's images are kept: as a red, a green and a blue plane of 32x32 (CIFAR), or each as
 * the file that it came as (JPEG, PNG, WebP, ..).
 */
export const encodings = ['planes', 'file'] as const;
export type Encoding = (typeof encodings)[number];

/**
 * A dataset as it was taken in, whatever address it came by. `files` are its packs, in which the
 * images lie, then its index in pages (`index-00000.jsonl`, ..), and what else is known of it.
 */
export const datasetManifestSchema = z.strictObject({
  ...stageShape,
  kind: z.literal('dataset'),
  source: z.string(),
  encoding: z.enum(encodings),
  classes: z.array(z.string()).min(2),
  samples: natural,
  /** Samples of each class, in the order of `classes`. */
  samplesByClass: z.array(natural),
  /** Images that can't be used, named in `rejected.jsonl` with the reason. */
  setAside: natural.optional(),
});

export const sides = ['train', 'validation', 'test'] as const;
export type Side = (typeof sides)[number];
const bySide = <T extends z.ZodType>(schema: T) =>
  z.strictObject({ train: schema, validation: schema, test: schema });

/**
 * Which sample lies on which side: a list of each in pages (`train-00000.jsonl`, ..), and where there
 * are some `duplicates.jsonl` and `near-duplicates.jsonl`, for a person to look through.
 */
export const splitManifestSchema = z.strictObject({
  ...stageShape,
  kind: z.literal('split'),
  dataset: sha256,
  /** Those that are taken; in the lists a label is its class's place among them. */
  classes: z.array(z.string()).min(2),
  samples: bySide(natural),
  /** Samples of each class, in the order of `classes`. */
  samplesByClass: bySide(z.array(natural)),
  /** What chance gives each side, within three standard deviations; null: the source's own split. */
  expected: bySide(z.strictObject({ from: natural, to: natural })).nullable(),
  asExpected: z.boolean().nullable(),
  /** Samples beyond the first of a content; those left out, since it lies on a later side; contents with several labels. */
  duplicates: z.strictObject({ copies: natural, leftOut: natural, contradictions: natural }),
  /** Pairs of images on different sides whose perceptual hashes differ in at most `maxDistance` bits; null: there are no hashes. */
  nearDuplicates: z.strictObject({ pairs: natural, maxDistance: natural }).nullable(),
});

/** One shard: a TFRecord file of `tf.train.Example`, as the part's manifest holds it. */
const shardSchema = z.strictObject({
  ...storedFileSchema.shape,
  samples: natural,
  labelCounts: z.array(natural),
});

export const partManifestSchema = z.strictObject({
  ...manifestShape,
  kind: z.literal('part'),
  stage: sha256,
  part: natural,
  shard: shardSchema,
});

/**
 * A part of an import of images: `files` are a pack, unless no image of the part is usable, and a
 * row for each file that was looked at.
 */
export const imagePartManifestSchema = z.strictObject({
  ...manifestShape,
  kind: z.literal('image-part'),
  stage: sha256,
  part: natural,
  images: natural,
  /** Set aside. */
  rejected: natural,
  /** Where the source goes on after it, as only the source understands; null: it has ended. */
  next: z.array(natural).nullable(),
});

/** The sealed parts of a stage, in order: shards of images, or files of predictions. */
export const shardSetManifestSchema = z.strictObject({
  ...stageShape,
  kind: z.literal('shards'),
  classes: z.array(z.string()).min(2),
  samples: natural,
  shards: z.array(shardSchema),
});

/**
 * A checkpoint: the state after `step` steps. `files` are TensorFlow's bundle
 * (`variables.index`, `variables.data-00000-of-00001`), and since the parent checkpoint the
 * losses of its steps (`losses.f32`, little-endian float32 a step) and the ids of the samples
 * really read (`ledger.txt`, a line a sample, steps in order). It needs no other record to be gone
 * on from: `inputs` has the configuration and the digests of all that is trained on.
 */
export const checkpointManifestSchema = z.strictObject({
  ...manifestShape,
  kind: z.literal('checkpoint'),
  ...checkpointReferenceSchema.shape,
  epoch: natural,
  /** The next record of the epoch's order: with `epoch`, the whole data cursor. */
  sampleInEpoch: natural,
  seed: natural,
  /** The state whose losses and ledger end where this one's begin; null: the initial state. */
  parent: checkpointReferenceSchema.nullable(),
  inputs: trainingInputsSchema,
  /** The decisions up to this state. */
  timeline: z.array(decisionSchema).readonly(),
  /**
   * The validations before this state, and what they came to: best, patience, plateau factor. Of an
   * adopted state they name checkpoints too, which says nothing here.
   */
  validations: z.array(validationSchema).readonly(),
  controller: controllerStateSchema,
  /** How the network is built and fed; the variables mean nothing under others. */
  conventions: conventionsSchema,
  /** The variables were let go of; losses and ledger stay. */
  pruned: z.boolean(),
});

/**
 * A run as its workflow has it, written at each milestone: where another run can go on from. A
 * mutable pointer; a later execution's, and of one execution a later revision, is never replaced
 * by an earlier.
 */
export const runRecordSchema = z.strictObject({
  version: z.literal(1),
  run: z.string(),
  workflowId: z.string(),
  /**
   * Which of the workflow's executions (a reset makes another one) wrote it, when by the workflow's
   * own time, in epoch milliseconds, and how often that one had written before.
   */
  execution: z.strictObject({ id: z.string(), at: natural, revision: natural }),
  preset: z.string(),
  inputs: trainingInputsSchema,
  timeline: z.array(decisionSchema).readonly(),
  validations: z.array(validatedStateSchema).readonly(),
  step: natural,
});

/** The run that a workflow's id stands for; of several the newest. A mutable pointer. */
export const runNameSchema = z.strictObject({ workflowId: z.string(), run: z.string() });

/** Pretrained weights as they were taken in: one file (`weights.safetensors`) with the network's own names. */
export const weightsManifestSchema = z.strictObject({
  ...stageShape,
  kind: z.literal('weights'),
  source: z.string(),
  conventions: conventionsSchema,
});

/** What a run came to: its report and metrics. */
export const runResultManifestSchema = z.strictObject({
  ...manifestShape,
  kind: z.literal('result'),
  run: z.string(),
  /** Digest of the sealed predictions of the test set. */
  predictions: sha256,
  /** SHA-256 of the best checkpoint's variables. */
  model: sha256,
  /** The best checkpoint: what another run may begin with. */
  checkpoint: checkpointReferenceSchema,
});

export type StoredFile = z.infer<typeof storedFileSchema>;
export type DatasetManifest = z.infer<typeof datasetManifestSchema>;
export type SplitManifest = z.infer<typeof splitManifestSchema>;
export type Shard = z.infer<typeof shardSchema>;
export type ImagePartManifest = z.infer<typeof imagePartManifestSchema>;
export type ShardSetManifest = z.infer<typeof shardSetManifestSchema>;
export type CheckpointManifest = z.infer<typeof checkpointManifestSchema>;
export type StoredRunRecord = z.infer<typeof runRecordSchema>;
