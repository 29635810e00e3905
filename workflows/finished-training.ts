/** What a training that is over came to; its states are made once more when they have gone bad meanwhile. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { CheckpointReference, TrainingInputs, UsableState } from '../contract/stages.ts';
import type { StopReason } from '../contract/timeline.ts';
import type { Course } from './course.ts';
import type { Speed } from './headway.ts';
import { isOfType, problemOf } from './problem.ts';
import type { Progress } from './progress.ts';
import { orHandBack } from './segments.ts';
import type { Segments } from './segments.ts';
import type { Setbacks } from './setbacks.ts';

export interface Trained extends Speed {
  readonly steps: number;
  /** Why there were no more. */
  readonly stopped: StopReason | undefined;
  readonly timeline: Course['timeline'];
  readonly validations: Course['validations'];
  readonly best: UsableState;
  readonly last: CheckpointReference;
  readonly resumedAt: readonly number[];
  readonly notBitEqual: readonly string[];
}

/** A training that came to its end. */
export interface FinishedTraining {
  /** As it is now: of a best state that is lost, the next one takes the place. */
  readonly trained: Trained;
  /** Makes the data anew, and by training to it once more the last state. */
  readonly remakeLast: () => Promise<void>;
  /**
   * The same for the best state. When nothing leads to it, it is lost, and the next best is the
   * best: one from before a fork, or where the machine at hand computes otherwise.
   */
  readonly remakeBest: () => Promise<void>;
}

/** What making a state once more takes. */
export interface RemakingHelp {
  readonly course: Course;
  readonly segments: Segments;
  readonly setbacks: Setbacks;
  readonly progress: Progress;
  readonly remakeData: () => Promise<void>;
}

export function finishedTraining(
  inputs: TrainingInputs,
  ended: Omit<Trained, 'validations' | 'best'>,
  { course, segments, setbacks, progress, remakeData }: RemakingHelp,
): FinishedTraining {
  const { steps, last } = ended;
  const bestState = (): UsableState => {
    const [best] = course.best();
    if (best) return best;
    throw ApplicationFailure.nonRetryable(
      `run ${inputs.run}: all ${steps} steps are done, but the weights of no validated state are left; resume it from an earlier step`,
      'InvalidData',
    );
  };
  const trainAgainTo = async (toStep: number): Promise<void> => {
    setbacks.countAnew();
    for (let made = false; !made;) {
      try {
        const segment = await segments.advance(steps, toStep);
        made = segment.step === toStep;
      } catch (failure) {
        // Decided for this machine, all from there on would be another course than was taken.
        if (isOfType(failure, 'NumericsDiffer')) throw failure;
        await orHandBack(segments, steps, () => setbacks.mend(failure, steps));
      }
    }
  };
  return {
    get trained() {
      return { ...ended, validations: course.validations, best: bestState() };
    },
    async remakeLast() {
      await orHandBack(segments, steps, remakeData);
      await trainAgainTo(last.step);
    },
    async remakeBest() {
      const { step } = bestState();
      const isLost = (why: string): void => {
        course.lost(step);
        progress.problem(`the best state, step ${step}, is lost, the next best is used: ${why}`);
      };
      await orHandBack(segments, steps, remakeData);
      const { forkedFrom, origin } = inputs;
      if (forkedFrom && step < origin!.step) {
        isLost(`the settings hold from step ${forkedFrom.step} on`);
        return;
      }
      try {
        await trainAgainTo(step);
      } catch (failure) {
        const nothingLeadsThere = ['InvalidData', 'NumericsDiffer'] as const;
        if (!nothingLeadsThere.some((type) => isOfType(failure, type))) throw failure;
        isLost(problemOf(failure).message);
      }
    },
  };
}
