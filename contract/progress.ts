/** What a run says of itself while it goes on and at its end: the query's answer, heartbeats, the result. */
import { z } from 'zod';
import type { Side } from './manifests.ts';
import type { PromotionState } from './promotion.ts';
import type { StopReason } from './timeline.ts';

/** Of every run. */
export const stageNames = [
  'configure',
  'ingest',
  'split',
  'shards',
  'train',
  'predict',
  'report',
] as const;
/** `promote` comes after the others, where a run is to promote its model. */
export type StageName = (typeof stageNames)[number] | 'promote';

/** One stage as the progress view shows it. Times are epoch milliseconds. */
export interface StageProgress {
  readonly name: StageName;
  readonly status: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  /** Parts done of parts in all (shards; steps in training), where the stage has parts. */
  readonly done?: number;
  readonly total?: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** One line: what came out, or what went wrong. */
  readonly note?: string;
}

/** One validation of the state after `step` steps. Loss in nats, accuracies in [0, 1]. */
export const validationSchema = z.object({
  step: z.int().min(0),
  epoch: z.int().min(0),
  /** JSON has null for what is no finite number. */
  loss: z.union([z.number(), z.null().transform(() => NaN)]),
  accuracy: z.number(),
  top5: z.number(),
});
export type Validation = z.infer<typeof validationSchema>;

/** A state in the store, by the key of its manifest. */
export interface StoredCheckpoint {
  readonly step: number;
  readonly key: string;
}

/** Training as the workflow knows it: milestones. Steps in between come by heartbeat. */
export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Why it ends before the last step of these epochs, once that is decided: `steps` is where. */
  readonly stopped?: StopReason | undefined;
  readonly batchSize: number;
  /** How long a trainer was at work: what `budget` counts. */
  readonly trainerSeconds?: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly imagesPerSecond?: number;
  /** When this was so, in epoch milliseconds; absent before the first milestone. */
  readonly at?: number;
  /** The losses of the last milestones. */
  readonly losses?: readonly number[];
  readonly validations: readonly Validation[];
  readonly best?: Validation | undefined;
  /** The newest step whose checkpoint is in the store, and when it came there. */
  readonly durableStep: number;
  readonly durableAt?: number;
  readonly resumes: number;
  /** Device, instruction set and precision, in words. */
  readonly hardware?: string;
}

/** A stage that has failed, and waits to be tried again. */
export interface HeldStage {
  readonly stage: StageName;
  /** Since when, in epoch milliseconds. */
  readonly at: number;
  /** What broke. */
  readonly message: string;
}

/** The answer to the query `progress`. */
export interface RunProgress {
  readonly run: string;
  readonly preset: string;
  /** Of the machine that trains, where the configuration names it. */
  readonly pricePerHour?: number;
  readonly stages: readonly StageProgress[];
  readonly training?: TrainingProgress;
  /** The run that this one goes on from, the step of its state, and the settings that are others. */
  readonly resumed?: {
    readonly run: string;
    readonly step: number;
    readonly changes: readonly string[];
  };
  /** A user has stopped it. While its segment hands back it still holds a GPU; then its state is durable. */
  readonly paused?: boolean;
  /** `onFailure: hold`: it waits for a person, and nothing of it is computed; a trainer that was its may stay on the GPU, warm, until another run takes its place. */
  readonly held?: HeldStage | undefined;
  /** What becomes of the model, where it may be promoted. */
  readonly promotion?: PromotionState;
  /** The last trouble that was got over, and when. */
  readonly lastProblem?: { readonly at: number; readonly message: string };
  readonly result?: RunResult | NoChange;
  /** The page that says where the run has failed, and why. */
  readonly failureReportKey?: string;
}

/** The heartbeat of `train-steps`: a hint; what is durable stands in the store. */
export interface TrainHeartbeat {
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
  readonly durableStep: number;
  readonly durableAt?: number;
  /** How long a trainer has been held for this segment. */
  readonly trainerSeconds: number;
  readonly phase: 'loading' | 'computing features' | 'training' | 'saving' | 'validating';
  /** The newest durable checkpoint is older than three intervals. */
  readonly alarm?: string;
}

/** One test image and what the model made of it. */
export interface Example {
  readonly id: string;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
}

/** What a run returns. Keys name objects in the bucket, prefixes several. */
export interface RunResult {
  readonly run: string;
  readonly steps: number;
  /** Why training ended before its last planned step, where it did. */
  readonly stopped?: StopReason;
  readonly bestStep: number;
  readonly validationAccuracy: number;
  /** `training.minAccuracy`, where the validation accuracy lies below it. */
  readonly missedMinAccuracy?: number;
  readonly testSamples: number;
  readonly testAccuracy: number;
  readonly testTop5: number;
  readonly testLoss: number;
  readonly example: Example;
  readonly reportKey: string;
  readonly predictionsKeys: readonly string[];
  /** Of the best checkpoint's TensorFlow bundle: the keys of its files are this, a dot and more. */
  readonly modelPrefix: string;
  /** SHA-256 of the best checkpoint's variables: equal digests are equal weights. */
  readonly modelDigest: string;
  /** SHA-256 of the variables after the last step. */
  readonly finalDigest: string;
  readonly resumes: number;
  /** In training, saving included. */
  readonly imagesPerSecond: number;
  /** Share of the training's wall time, pauses apart, in which the trainer waited: for data, the store, Temporal. */
  readonly idleShare: number;
  /** From which steps on the bits may differ from an undisturbed run, and why. Empty: none. */
  readonly notBitEqual: readonly string[];
  /** What became of the model, where it might be promoted. */
  readonly promotion?: PromotionState;
}

/** What `prepareDataset` returns. */
export interface PreparedDataset {
  /** Digests of the dataset and of its split. */
  readonly dataset: string;
  readonly split: string;
  readonly images: number;
  /** Broken images. */
  readonly setAside: number;
  readonly classes: number;
  /** Images and base shards of each side. */
  readonly samples: Readonly<Record<Side, number>>;
  readonly shards: Readonly<Record<Side, number>>;
}

/** What a run comes to that finds nothing new to train on for its model. */
export interface NoChange {
  readonly run: string;
  readonly noChange: {
    readonly model: string;
    /** The run that has trained on the same: what it is called, and when it was judged, in epoch milliseconds. */
    readonly workflowId: string;
    readonly at: number;
  };
}

export const noChangeSentence = ({ model, workflowId, at }: NoChange['noChange']): string =>
  `No change: nothing is new for ${model} since run ${workflowId} (${new Date(at).toISOString().slice(0, 10)}); promotion.always trains all the same.`;

/** Why training ended before its last planned step, in one sentence. */
export const stoppedSentence = (step: number, why: StopReason): string =>
  `Training ended after step ${step}, before the last one planned: ${stopReasons[why]}.`;

const stopReasons: Readonly<Record<StopReason, string>> = {
  asked: 'it was told to',
  budget: 'its budget is spent',
  'early stop': 'validation got no better',
  target: 'the target accuracy was reached',
};

export const missedSentence = (accuracy: number, least: number): string =>
  `The best validation accuracy, ${percent(accuracy)}, is below training.minAccuracy, ${percent(least)}: the model is not to be promoted.`;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
