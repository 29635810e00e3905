/** How far training has come: its step and state, what it took so far, and what the run says of it. */
import type { TrainingPlan } from '../contract/plan.ts';
import type { CheckpointReference, Segment, Takeover } from '../contract/stages.ts';
import { numericsText } from '../contract/timeline.ts';
import type { Numerics } from '../contract/timeline.ts';
import type { Course } from './course.ts';
import type { Progress } from './progress.ts';

export interface Headway {
  readonly step: number;
  /** The state after `step` steps, or the one that it is made from again; null: the initial state. */
  readonly last: CheckpointReference | null;
  /** The steps of the states that had to be loaded after something was lost. */
  readonly resumedAt: readonly number[];
  /** Notes what a segment has come to; `disturbed`: it had setbacks. */
  take(segment: Segment, disturbed: boolean): void;
  /** A setback has changed where the next segment is to go on from. */
  goOnFrom(step: number): void;
  /** Of all that was taken until now; `pausedMs` of that time count for nothing. */
  speed(pausedMs: number): Speed;
}

export interface Speed {
  readonly imagesPerSecond: number;
  /** Share of the training's wall time, pauses apart, in which the trainer waited: for data, the store, Temporal. */
  readonly idleShare: number;
}

/** Training begins. */
export function openHeadway(
  plan: TrainingPlan,
  numerics: Numerics,
  takeover: Takeover | undefined,
  course: Course,
  progress: Progress,
): Headway {
  let step = takeover?.step ?? 0;
  let last = takeover?.origin ?? null;
  const resumedAt: number[] = [];
  const total = { images: 0, seconds: 0, busySeconds: 0 };
  const startedAt = Date.now();
  progress.training(() => ({
    ...plan,
    step,
    validations: course.validations,
    durableStep: last?.step ?? 0,
    resumes: 0,
    hardware: numericsText(numerics),
  }));
  return {
    get step() {
      return step;
    },
    get last() {
      return last;
    },
    resumedAt,
    take(segment, disturbed) {
      const { loadedStep } = segment;
      // A first segment may load the state of its own step, and nothing has been lost by that.
      if (loadedStep !== null && (disturbed || loadedStep < step)) resumedAt.push(loadedStep);
      ({ step, checkpoint: last } = segment);
      total.images += segment.images;
      total.seconds += segment.seconds;
      total.busySeconds += segment.busySeconds;
      if (segment.validation) course.validated({ ...segment.validation, checkpoint: last });
      progress.training((before) => ({
        ...before!,
        step,
        ...(segment.loss !== null && {
          loss: segment.loss,
          imagesPerSecond: segment.images / segment.seconds,
        }),
        validations: course.validations,
        best: course.best()[0],
        durableStep: segment.durableStep,
        ...(segment.durableAt !== null && { durableAt: segment.durableAt }),
        resumes: resumedAt.length,
      }));
    },
    goOnFrom: (from) => void (step = from),
    speed: (pausedMs) => ({
      imagesPerSecond: total.images / Math.max(total.seconds, 1e-9),
      idleShare: Math.max(0, 1 - total.busySeconds / ((Date.now() - startedAt - pausedMs) / 1000)),
    }),
  };
}
