/** How far training has come: its step and state, what it took so far, and what the run says of it. */
import type { CheckpointReference, Segment, Takeover } from '../contract/stages.ts';
import { numericsText } from '../contract/timeline.ts';
import type { Numerics } from '../contract/timeline.ts';
import type { Course } from './course.ts';
import type { Progress } from './progress.ts';

export interface Headway {
  readonly step: number;
  /** The state after `step` steps, or the one that it is made from again; null: the initial state. */
  readonly last: CheckpointReference | null;
  /** `last` is known to be in the store, as it must be where training ends. */
  readonly isStored: boolean;
  /** The steps of the states that had to be loaded after something was lost. */
  readonly resumedAt: readonly number[];
  /** Notes what a segment has come to. */
  take(segment: Segment, beside: Beside): void;
  /** A decision was taken on where training ends. */
  planChanged(): void;
  /** A setback has changed where the next segment is to go on from. */
  goOnFrom(step: number): void;
  /** For the next execution. */
  readonly carried: CarriedHeadway;
  /** Of all that was taken until now; `pausedMs` of that time count for nothing. */
  speed(pausedMs: number): Speed;
}

/** What is known of a segment that it does not say itself. */
interface Beside {
  /** It had setbacks. */
  readonly disturbed: boolean;
  /** It was asked for as the last one, which waits until its state is in the store. */
  readonly isStored: boolean;
  /** Of all so far. */
  readonly trainerSeconds: number;
}

export interface Speed {
  readonly imagesPerSecond: number;
  /** Share of the training's wall time, pauses apart, in which the trainer waited: for data, the store, Temporal. */
  readonly idleShare: number;
}

export interface CarriedHeadway extends Pick<Headway, 'step' | 'last' | 'isStored' | 'resumedAt'> {
  /** The newest step whose state was known to be in the store. */
  readonly durableStep: number;
  /** Of the segments so far. */
  readonly total: Readonly<Record<'images' | 'seconds' | 'busySeconds', number>>;
  /** When training began, in epoch milliseconds. */
  readonly startedAt: number;
}

/** Before the first segment. */
export const headwayAtStart = (takeover: Takeover | undefined): CarriedHeadway => ({
  step: takeover?.step ?? 0,
  last: takeover?.origin ?? null,
  isStored: true,
  durableStep: takeover?.step ?? 0,
  resumedAt: [],
  total: { images: 0, seconds: 0, busySeconds: 0 },
  startedAt: Date.now(),
});

/** As many as a sparkline shows. */
const mostLosses = 40;

/** Training begins, or goes on. */
export function openHeadway(
  numerics: Numerics,
  begin: CarriedHeadway,
  course: Course,
  progress: Progress,
): Headway {
  const { startedAt } = begin;
  let { step, last, durableStep } = begin;
  let stored = begin.isStored;
  const resumedAt = [...begin.resumedAt];
  const total = { ...begin.total };
  /** What is said of the plan. */
  const planned = () => ({ ...course.plan, stopped: course.stopped });
  progress.training((before) => ({
    ...planned(),
    step,
    durableStep: last?.step ?? 0,
    resumes: resumedAt.length,
    hardware: numericsText(numerics),
    ...before,
    validations: course.validations,
  }));
  return {
    get step() {
      return step;
    },
    get last() {
      return last;
    },
    get isStored() {
      return stored;
    },
    resumedAt,
    take(segment, { disturbed, isStored, trainerSeconds }) {
      stored = isStored;
      const { loadedStep } = segment;
      // A first segment may load the state of its own step, and nothing has been lost by that.
      if (loadedStep !== null && (disturbed || loadedStep < step)) resumedAt.push(loadedStep);
      ({ step, checkpoint: last, durableStep } = segment);
      total.images += segment.images;
      total.seconds += segment.seconds;
      total.busySeconds += segment.busySeconds;
      if (segment.validation) course.validated({ ...segment.validation, checkpoint: last });
      progress.training((before) => ({
        ...before!,
        ...planned(),
        step,
        at: Date.now(),
        ...(segment.loss !== null && {
          loss: segment.loss,
          losses: [...(before!.losses ?? []), segment.loss].slice(-mostLosses),
          learningRate: segment.learningRate!,
          imagesPerSecond: segment.images / segment.seconds,
        }),
        validations: course.validations,
        best: course.best()[0],
        durableStep,
        trainerSeconds,
        ...(segment.durableAt !== null && { durableAt: segment.durableAt }),
        resumes: resumedAt.length,
      }));
    },
    get carried() {
      return { step, last, isStored: stored, durableStep, resumedAt, total, startedAt };
    },
    planChanged: () => progress.training((before) => ({ ...before!, ...planned() })),
    goOnFrom: (from) => void (step = from),
    speed: (pausedMs) => ({
      imagesPerSecond: total.images / Math.max(total.seconds, 1e-9),
      idleShare: Math.max(0, 1 - total.busySeconds / ((Date.now() - startedAt - pausedMs) / 1000)),
    }),
  };
}
