/** Segments of training, asked of a worker: first of the one whose trainer holds the run's state. */
import { CancellationScope, isCancellation, log } from '@temporalio/workflow';
import { position } from '../contract/plan.ts';
import type { Segment, TrainStepsInput, TrainingInputs } from '../contract/stages.ts';
import { holding, onWorker, training } from './activities.ts';
import type { Course } from './course.ts';
import type { EpochsAhead } from './epochs.ts';
import { isNotStarted, problemOf, trainerSecondsOf } from './problem.ts';
import type { Progress } from './progress.ts';

export interface Segments {
  /** From the newest state there is, `reachedStep` when nothing was lost, to that after `toStep`. */
  advance(reachedStep: number, toStep: number, wish?: SegmentWish): Promise<Segment>;
  /** A segment that has not come to its end may have left a state beyond the last one that has. */
  readonly mayBeFurther: boolean;
  /** Such a state is not wanted. */
  leaveFurther(): void;
  /** Saves what the worker holds, frees its GPU, and says what is stored by then; one that is gone has nothing to give. */
  handBack(step: number): Promise<void>;
  /** Whether a worker holds the state, as far as anybody knows. */
  readonly isHeld: boolean;
  /** The next segment is any worker's. */
  release(): void;
  /** An attempt that failed is known to have taken `step` steps: so much is lost when an older state must do. */
  saw(step: number): void;
  /** How long a trainer was at work. */
  readonly trainerSeconds: number;
  /** For the next execution. */
  readonly carried: CarriedSegments;
}

/** What a segment is told beside its steps. */
interface SegmentWish {
  readonly enoughAfterSeconds: TrainStepsInput['enoughAfterSeconds'] | undefined;
  readonly asked: TrainStepsInput['asked'] | undefined;
}

/** The queue of the worker whose trainer holds the state, and the furthest step that is known to have been taken. */
export interface CarriedSegments {
  /** How long a trainer was at work. */
  readonly trainerSeconds: number;
  readonly workerQueue?: string | undefined;
  readonly seenStep: number;
}

export function openSegments(
  inputs: TrainingInputs,
  course: Course,
  epochs: EpochsAhead,
  progress: Pick<Progress, 'stored' | 'problem'>,
  carried: CarriedSegments,
): Segments {
  let { workerQueue, seenStep, trainerSeconds } = carried;
  let mayBeFurther = false;
  const inputTo = (reachedStep: number, toStep: number): TrainStepsInput => {
    const { timeline, validations } = course;
    seenStep = Math.max(seenStep, reachedStep);
    return {
      ...{ inputs, timeline, reachedStep, toStep },
      seenStep: Math.min(seenStep, toStep),
      validations: validations.map(withoutCheckpoint),
      best: course
        .best()
        .slice(0, inputs.config.training.keepCheckpoints.best)
        .map(({ step }) => step),
    };
  };
  return {
    async advance(reachedStep, toStep, { enoughAfterSeconds, asked } = wishless) {
      const { plan } = course;
      const from = Math.min(reachedStep, toStep);
      const { epoch } = position(plan, Math.min(from, toStep - 1));
      // A pause is answered at once here too: making the shards goes on without a GPU.
      await Promise.race([epochs.ready(epoch), CancellationScope.current().cancelRequested]);
      if ((epoch + 1) * plan.stepsPerEpoch < plan.steps) epochs.prepare(epoch + 1);
      const options = {
        summary: `epoch ${epoch + 1}/${plan.epochs}, steps ${from} to ${toStep}`,
        ...(workerQueue !== undefined && onWorker(workerQueue)),
      };
      const input = {
        ...inputTo(from, toStep),
        ...(enoughAfterSeconds !== undefined && { enoughAfterSeconds }),
        ...(asked && { asked }),
      };
      mayBeFurther ||= from < toStep;
      let segment: Segment;
      try {
        segment = await training.trainSteps.executeWithOptions(options, [input]);
      } catch (failure) {
        trainerSeconds += trainerSecondsOf(failure);
        throw failure;
      }
      trainerSeconds += segment.trainerSeconds;
      mayBeFurther = false;
      ({ workerQueue } = segment);
      return segment;
    },
    get mayBeFurther() {
      return mayBeFurther;
    },
    leaveFurther: () => void (mayBeFurther = false),
    async handBack(step) {
      if (workerQueue === undefined) return;
      const options = { summary: `step ${step}, saved and handed back`, ...onWorker(workerQueue) };
      workerQueue = undefined;
      try {
        const stored = await holding.handBack.executeWithOptions(options, [inputTo(step, step)]);
        if (stored) progress.stored(stored);
      } catch (failure) {
        const problem = isNotStarted(failure) ? 'the worker is gone' : problemOf(failure).message;
        progress.problem(`the state that a worker held was not handed back: ${problem}`);
        log.warn('nothing was handed back', { step, problem });
      }
    },
    get isHeld() {
      return workerQueue !== undefined;
    },
    release: () => void (workerQueue = undefined),
    saw: (step) => void (seenStep = Math.max(seenStep, step)),
    get trainerSeconds() {
      return trainerSeconds;
    },
    get carried() {
      return { workerQueue, seenStep, trainerSeconds };
    },
  };
}

/** Does it; cancelled meanwhile, the worker saves what it holds and frees its GPU. */
export async function orHandBack<T>(
  segments: Segments,
  step: number,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (isCancellation(failure)) {
      await CancellationScope.nonCancellable(() => segments.handBack(step));
    }
    throw failure;
  }
}

const wishless: SegmentWish = { enoughAfterSeconds: undefined, asked: undefined };

const withoutCheckpoint = ({
  checkpoint: _checkpoint,
  ...validation
}: Course['validations'][number]) => validation;
