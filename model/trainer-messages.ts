/** What the trainer's process and its parent say to each other. */
import type { Config } from '../contract/config.ts';
import type { StoredFile } from '../contract/manifests.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { MixingSettings } from '../data/mixing.ts';
import type { Conventions } from '../contract/weights.ts';

/** What the graph is built from. A trainer serves one program for all its life. */
export interface ProgramRequest {
  readonly model: Config['model'];
  readonly training: Config['training'];
  readonly classes: number;
  /** Those of the weights it begins with. */
  readonly conventions: Conventions;
  /** How batches are mixed; undefined: not at all. */
  readonly mixing?: MixingSettings | undefined;
}

/** A shard's local file and how many records it holds. */
export interface LocalShard {
  readonly path: string;
  readonly samples: number;
}

/** A shard in the store: the trainer wants its file when its turn is near. */
export type StoredShard = StoredFile & { readonly samples: number };

export type TrainerShard = LocalShard | StoredShard;

/** What a shard's records hold: images, or what the backbone made of them. */
export type RecordKind = 'images' | 'features';

/**
 * Where the state comes from: made from the seed, under pretrained weights where there are any, or a TensorFlow
 * bundle's path prefix. With `weights` only what predictions need is read, and there is nothing to train on.
 */
export type StateSource =
  | { readonly kind: 'initial'; readonly seed: number; readonly weights?: string }
  | { readonly kind: 'checkpoint'; readonly prefix: string }
  | { readonly kind: 'weights'; readonly prefix: string };

/** Take the steps `fromStep` <= k < `toStep`, all within one epoch. */
export interface AdvanceRequest {
  readonly plan: TrainingPlan;
  readonly training: Config['training'];
  readonly timeline: readonly Decision[];
  readonly seed: number;
  readonly fromStep: number;
  readonly toStep: number;
  /** Hand back after this many seconds, at the next step's end. */
  readonly seconds: number;
  readonly shards: readonly TrainerShard[];
  readonly records: RecordKind;
  /** Save after these steps (ascending), and where the loop ends early, each into a folder of its own: `statePrefix`, a dash and the step. */
  readonly saveAt: readonly number[];
  /** And once so much time has passed since the last saved state. */
  readonly saveEverySeconds: number;
  readonly statePrefix: string;
}

export type ToTrainer =
  | { readonly type: 'look-for-gpu' }
  | { readonly type: 'program'; readonly request: ProgramRequest }
  | { readonly type: 'load'; readonly source: StateSource }
  | { readonly type: 'advance'; readonly request: AdvanceRequest }
  /**
   * Save the state, unless it is saved already, into `statePrefix`, a dash and the step. `aside`: it
   * may be thrown away again, so the next one follows the one before it.
   */
  | { readonly type: 'save'; readonly statePrefix: string; readonly aside: boolean }
  | {
      readonly type: 'evaluate';
      readonly shards: readonly TrainerShard[];
      readonly records: RecordKind;
      /** Write a JSON Lines row a sample to this file. */
      readonly rows?: { readonly path: string; readonly classes: readonly string[] };
    }
  | {
      readonly type: 'extract';
      readonly shard: LocalShard;
      /** Write the features of the shard's images to this file: a shard too. */
      readonly path: string;
    }
  /** The local file of a shard that it wants, or why there is none. */
  | { readonly type: 'shard'; readonly id: number; readonly path: string }
  | { readonly type: 'no-shard'; readonly id: number; readonly failure: ShardFailure }
  /** Finish the step and save, or give up the evaluation or extraction; hand back. */
  | { readonly type: 'stop' };

/** Means over the evaluated samples. Loss in nats, accuracies in [0, 1]. */
export interface Evaluation {
  readonly samples: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly top5: number;
}

/** After a step; `step` counts the steps taken. */
export interface StepEvent {
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
}

/** A state on local disk. Losses and ledger hold the steps `sinceStep` <= k < `step`. */
export interface SavedState {
  readonly step: number;
  readonly sinceStep: number;
  readonly directory: string;
  /** How long training stood still for it. */
  readonly stallMs: number;
}

/** An error by its type. */
export interface ShardFailure {
  readonly name: string;
  readonly message: string;
}

/** Where the loop ended, and why: the step asked for, the slice of time, a stop, or records that can't be had. */
export interface Advanced {
  readonly step: number;
  /** Of the last step; null when none was taken. */
  readonly loss: number | null;
  readonly why: 'reached' | 'slice' | 'stopped' | 'starved';
  /** Why there are no more records, where it starved. */
  readonly failure?: ShardFailure;
  readonly images: number;
  /** All of the loop, waiting and saving included. */
  readonly seconds: number;
  readonly waitSeconds: number;
}

export type FromTrainer =
  | { readonly type: 'looked-for-gpu'; readonly found: boolean; readonly tensorflow: string }
  | {
      readonly type: 'ready';
      readonly numerics: Numerics;
      /** SHA-256 of the graph's part from images to features. */
      readonly featureGraph: string;
    }
  | { readonly type: 'done' }
  /** At any time, whatever it was asked: it wants a shard's local file, known by this number, or has read it. */
  | { readonly type: 'wants'; readonly id: number; readonly file: StoredFile }
  | { readonly type: 'passed'; readonly id: number }
  | ({ readonly type: 'step' } & StepEvent)
  | { readonly type: 'saved'; readonly saved: SavedState }
  | ({ readonly type: 'advanced' } & Advanced)
  /** After a batch of an evaluation. */
  | { readonly type: 'evaluating'; readonly samples: number }
  | { readonly type: 'evaluated'; readonly evaluation: Evaluation }
  /** After a batch of an extraction; `seconds` since the one before. */
  | { readonly type: 'extracting'; readonly seconds: number }
  | {
      readonly type: 'failed';
      readonly name: string;
      readonly message: string;
      readonly stack?: string;
    };
