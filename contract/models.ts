/** The registry of models: what is stored of each, and what a user may ask of it. */
import { z } from 'zod';
import { gateSchema } from './gate.ts';
import { manifestShape } from './manifests.ts';
import { modelNameSchema } from './model-name.ts';
import { checkpointReferenceSchema, trainingInputsSchema } from './stages.ts';
import { conventionsSchema } from './weights.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const generation = z.int().min(1);
const epochMs = z.int().min(0);

/** Of a model's test set. Loss in nats, accuracies in [0, 1]. */
export const testMetricsSchema = z.object({
  samples: z.int().min(0),
  accuracy: z.number(),
  top5: z.number(),
  loss: z.number(),
});

/**
 * A version of a model: a copy of a run's best state, since the run may let go of it. `files` are
 * TensorFlow's bundle of the variables; `digest` is the SHA-256 of their bytes.
 */
export const modelVersionSchema = z.strictObject({
  ...manifestShape,
  kind: z.literal('model'),
  model: modelNameSchema,
  digest: sha256,
  /** The state it is a copy of, and what its run is called. */
  checkpoint: checkpointReferenceSchema,
  workflowId: z.string(),
  /** What it was trained on, and its classes. */
  inputs: trainingInputsSchema,
  /** How the network is built and fed. */
  conventions: conventionsSchema,
  /** Digest of the sealed predictions of its run's test set, and what they came to. */
  predictions: sha256,
  metrics: testMetricsSchema,
});

const championShape = {
  version: z.literal(1),
  model: modelNameSchema,
  /** How often there has been a new champion, this one counted. */
  generation,
  /** Of the version that is the champion. */
  digest: sha256,
  /** Since when, in epoch milliseconds. */
  at: epochMs,
};

/** Which version of a model counts. A mutable pointer. */
export const championSchema = z.strictObject(championShape);

/** How a champion came to be that: written once, before the pointer moves. */
export const historyEntrySchema = z.strictObject({
  ...championShape,
  kind: z.enum(['promotion', 'rollback']),
  /** Of the version's run: its id, and what it is called. */
  run: z.string(),
  workflowId: z.string(),
  /** The version that was the champion before; null: there was none. */
  replaced: sha256.nullable(),
  metrics: testMetricsSchema,
  /** What the gate found; null: a person has decided without it. */
  gate: gateSchema.nullable(),
  /** Who has decided, and why. */
  by: z.string(),
  why: z.string(),
  /** Who has written this: an attempt that finds its own entry there has done its work. */
  request: z.string(),
});

/**
 * What was last trained and judged for a model, whatever the gate said: with the same dataset and
 * settings the next run would only do it again. A mutable pointer.
 */
export const consideredSchema = z.strictObject({
  version: z.literal(1),
  model: modelNameSchema,
  dataset: sha256,
  /** Digest of all else that could be new. */
  night: sha256,
  run: z.string(),
  workflowId: z.string(),
  at: epochMs,
});

export type ModelVersion = z.infer<typeof modelVersionSchema>;
export type Considered = z.infer<typeof consideredSchema>;
export type Champion = z.infer<typeof championSchema>;
export type HistoryEntry = z.infer<typeof historyEntrySchema>;

const words = z.string().trim().min(1).max(1_000);
const decision = {
  /** Who decides; without it, the workflow is named. */
  by: words.optional(),
  why: words.optional(),
};

/** The input of the workflow `promoteModel`. */
export const promoteInputSchema = z.strictObject({
  model: modelNameSchema,
  /** A run that came to its end, by its id or its workflow's: its best state. */
  run: z.string().min(1),
  ...decision,
});

/** The input of the workflow `rollbackModel`. */
export const rollbackInputSchema = z.strictObject({
  model: modelNameSchema,
  /** The version to go back to; without it, the champion that the present one replaced. */
  to: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/, "must be a version's digest, or at least its first 8 digits")
    .optional(),
  ...decision,
});

export type PromoteInput = z.input<typeof promoteInputSchema>;
export type RollbackInput = z.input<typeof rollbackInputSchema>;
