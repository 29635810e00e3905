/** Where training goes next, and where it ends: by the plan, by what the run is told, by its budget. */
import { patched } from '@temporalio/workflow';
import { budgetSeconds } from '../contract/budget.ts';
import type { Config } from '../contract/config.ts';
import { isValidated, nextMilestone } from '../contract/plan.ts';
import type { StopReason } from '../contract/timeline.ts';
import type { Course } from './course.ts';
import type { Headway } from './headway.ts';
import type { Segments } from './segments.ts';
import type { Steering } from './steering.ts';

export interface Direction {
  /** Takes the decisions that are asked for, and says what is trained next: the same step where only its state is wanted. */
  next(): { readonly step: number; readonly toStep: number };
  /** Until the step reached is enough; undefined: it never is before the last one. */
  readonly secondsLeft: number | undefined;
  /** The last state was validated, and is in the store. */
  readonly isReached: boolean;
}

export function openDirection(
  { budget }: Pick<Config, 'budget'>,
  help: {
    readonly course: Course;
    readonly headway: Headway;
    readonly segments: Segments;
    readonly steering: Steering;
  },
): Direction {
  const { course, headway, segments, steering } = help;
  const mostSeconds = budgetSeconds(budget);
  const lastValidated = (): number => course.validations.at(-1)?.step ?? 0;
  const secondsLeft = (): number | undefined => {
    // Thrown back behind a validation, training first comes there again: it ends nowhere before.
    if (headway.step < lastValidated()) return undefined;
    if (steering.isToStop) return 0;
    return mostSeconds && Math.max(0, mostSeconds - segments.trainerSeconds);
  };
  const whyToStop = (): StopReason | undefined => {
    if (course.stopped || secondsLeft() !== 0) return undefined;
    return steering.isToStop ? 'asked' : 'budget';
  };
  /** Nothing is known to lie beyond this step, and something is there to finish with. */
  const isEnough = (step: number): boolean =>
    !segments.mayBeFurther && step >= Math.max(1, lastValidated());
  const isUnvalidated = (): boolean =>
    headway.step > 0 &&
    isValidated(course.plan, headway.step) &&
    !course.validations.some(({ step }) => step === headway.step);
  const decide = (step: number): void => {
    const { learningRate, epochs } = steering.take();
    const why = whyToStop();
    if (why && isEnough(step)) course.stop(step, why);
    else if (epochs !== undefined && !course.stopped) course.setEpochs(step, epochs);
    if (learningRate !== undefined) course.setLearningRate(step, learningRate);
    if (epochs !== undefined || course.stopped) headway.planChanged();
  };
  /** The next segment only finds out how far an interrupted one has come. */
  let isToFind = false;
  return {
    next() {
      const { step } = headway;
      // Decided here, what was trained beyond would lie on the run's way no more.
      isToFind = steering.isSet && segments.mayBeFurther && patched('find-before-deciding');
      if (!isToFind) decide(step);
      const { plan, stopped } = course;
      const toStep = isUnvalidated() || step === plan.steps ? step : nextMilestone(plan, step);
      steering.goesOn({ plan, isLast: toStep === plan.steps, isStopped: stopped !== undefined });
      return { step, toStep };
    },
    get secondsLeft() {
      return isToFind ? 0 : secondsLeft();
    },
    get isReached() {
      const { step, last, isStored } = headway;
      const isThere = step === course.plan.steps && last?.step === step && isStored;
      return isThere && !isUnvalidated() && !steering.isExtended;
    },
  };
}
