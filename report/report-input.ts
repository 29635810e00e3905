/** What a report is made from: plain data, collected by the activity that writes it. */
import type { Config } from '../contract/config.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { Example, StageProgress, Validation } from '../contract/progress.ts';
import type { PromotionState } from '../contract/promotion.ts';
import type { Numerics, StopReason } from '../contract/timeline.ts';
import type { TakenWeights } from '../contract/weights.ts';

/** A test image, as a PNG data address, and what the model made of it. */
export interface ShownExample extends Example {
  readonly picture: string;
}

export interface ReportInput {
  readonly run: string;
  readonly preset: string;
  readonly config: Config;
  readonly plan: TrainingPlan;
  /** Why training ended before its last planned step. */
  readonly stopped?: StopReason | undefined;
  /** null: from scratch. */
  readonly weights: TakenWeights | null;
  readonly classes: readonly string[];
  readonly stages: readonly StageProgress[];
  /** Of every step, in nats. */
  readonly losses: readonly number[];
  readonly validations: readonly Validation[];
  readonly best: Validation;
  /** The steps at which an interrupted run went on. */
  readonly resumedAt: readonly number[];
  readonly notBitEqual: readonly string[];
  readonly imagesPerSecond: number;
  readonly metrics: {
    readonly samples: number;
    readonly accuracy: number;
    readonly top5: number;
    readonly loss: number;
    readonly classes: readonly {
      readonly precision: number;
      readonly recall: number;
      readonly f1: number;
      readonly support: number;
    }[];
    /** [label][predicted] */
    readonly confusion: readonly (readonly number[])[];
  };
  /** What becomes of the model, where it may be promoted. */
  readonly promotion?: PromotionState;
  readonly example: ShownExample;
  /** Wrong, and the most confident first. */
  readonly mistakes: readonly ShownExample[];
  /** Digests by what they are of. */
  readonly lineage: Readonly<Record<string, string>>;
  readonly numerics: Numerics;
}
