/** Training: segment after segment to the last step, whatever breaks on the way; the best state is kept. */
import { ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import { isValidated, nextMilestone, planTraining, position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type {
  CheckpointReference,
  Segment,
  Takeover,
  TrainingInputs,
  UsableState,
} from '../contract/stages.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';
import { openCourse } from './course.ts';
import type { Course } from './course.ts';
import { epochsAhead } from './epochs.ts';
import type { Milestones } from './milestones.ts';
import { isOfType, problemOf } from './problem.ts';
import type { Progress } from './progress.ts';
import { openSegments } from './segments.ts';
import { describe, openSetbacks } from './setbacks.ts';
import type { Steering } from './steering.ts';

export interface Trained {
  readonly steps: number;
  readonly timeline: Course['timeline'];
  readonly validations: Course['validations'];
  readonly best: UsableState;
  readonly last: CheckpointReference;
  readonly resumedAt: readonly number[];
  readonly notBitEqual: readonly string[];
  readonly imagesPerSecond: number;
  /** Share of the training's wall time in which the trainer waited: for data, the store, Temporal. */
  readonly idleShare: number;
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

/** What training is given beside its inputs. */
export interface TrainingHelp {
  readonly progress: Progress;
  readonly steering: Steering;
  /** Makes anew what is damaged of all that is trained on, but for the augmented shards. */
  readonly remakeData: () => Promise<void>;
  readonly milestones: Milestones;
}

/** Trains to the last step; what it computes with may still be on its way. Throws what a retry can't mend. */
export async function train(
  inputs: TrainingInputs,
  numericsLater: Promise<Numerics>,
  takeover: Takeover | undefined,
  { progress, steering, remakeData, milestones }: TrainingHelp,
): Promise<FinishedTraining> {
  const { config } = inputs;
  const plan = planTraining(inputs.samples, config.training);
  refuseLargeBatch(plan);
  let step = takeover?.step ?? 0;
  const epochs = epochsAhead(inputs, plan);
  if (step < plan.steps) epochs.prepare(position(plan, step).epoch);
  const numerics = await numericsLater;
  const course = openCourse(config.training, {
    timeline: timelineAtStart(config, numerics, takeover),
    validations: takeover?.validations ?? [],
  });
  const segments = openSegments(inputs, plan, course, epochs);
  const common = { training: config.training, course, epochs };
  const setbacks = openSetbacks({ ...common, segments, progress, remakeData });
  const resumedAt: number[] = [];
  let last = takeover?.origin ?? null;
  const total = { images: 0, seconds: 0, busySeconds: 0 };
  const startedAt = Date.now();
  progress.training(() => ({
    ...plan,
    step,
    validations: course.validations,
    durableStep: inputs.origin?.step ?? 0,
    resumes: 0,
    hardware: describe(numerics),
  }));

  const take = (segment: Segment): void => {
    const disturbed = setbacks.over();
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
  };
  const isUnvalidated = (): boolean =>
    step > 0 && isValidated(plan, step) && !course.validations.some((one) => one.step === step);
  const isDone = (): boolean => step === plan.steps && last?.step === step && !isUnvalidated();

  /** Cancelled, also while something is made anew, the worker saves what it holds and frees its GPU. */
  const orHandBack = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (failure) {
      if (isCancellation(failure)) {
        await CancellationScope.nonCancellable(() => segments.handBack(step));
      }
      throw failure;
    }
  };

  await milestones.keep(course, step, step);
  while (!isDone()) {
    await steering.untilGoing(() => segments.handBack(step));
    const learningRate = steering.takeLearningRate(nextMilestone(plan, step) === plan.steps);
    if (learningRate !== undefined) course.setLearningRate(step, learningRate);
    try {
      const stays = isUnvalidated() || step === plan.steps;
      const toStep = stays ? step : nextMilestone(plan, step);
      const segment = await steering.interruptible(() => segments.advance(step, toStep));
      if (!segment) continue;
      take(segment);
      await milestones.keep(course, step, segment.durableStep);
    } catch (failure) {
      const mend = (): Promise<number> => setbacks.mend(failure, step);
      step = (await orHandBack(() => steering.interruptible(mend))) ?? step;
    }
  }
  steering.close();
  const bestState = (): UsableState => {
    const [best] = course.best();
    if (best) return best;
    throw ApplicationFailure.nonRetryable(
      `run ${inputs.run}: all ${plan.steps} steps are done, but the weights of no validated state are left; resume it from an earlier step`,
      'InvalidData',
    );
  };
  const ended = {
    steps: plan.steps,
    timeline: course.timeline,
    last: last!,
    resumedAt,
    notBitEqual: setbacks.notBitEqual,
    imagesPerSecond: total.images / Math.max(total.seconds, 1e-9),
    idleShare: Math.max(0, 1 - total.busySeconds / ((Date.now() - startedAt) / 1000)),
  };
  const trainAgainTo = async (toStep: number): Promise<void> => {
    for (let made = false; !made;) {
      try {
        const segment = await segments.advance(step, toStep);
        made = segment.step === toStep;
      } catch (failure) {
        // Decided for this machine, all from there on would be another course than was taken.
        if (isOfType(failure, 'NumericsDiffer')) throw failure;
        await orHandBack(() => setbacks.mend(failure, step));
      }
    }
  };
  const remakeLast = async (): Promise<void> => {
    await orHandBack(remakeData);
    await trainAgainTo(ended.last.step);
  };
  const remakeBest = async (): Promise<void> => {
    const { step: bestStep } = bestState();
    const isLost = (why: string): void => {
      course.lost(bestStep);
      progress.problem(`the best state, step ${bestStep}, is lost, the next best is used: ${why}`);
    };
    await orHandBack(remakeData);
    const { forkedFrom, origin } = inputs;
    if (forkedFrom && bestStep < origin!.step) {
      isLost(`the settings hold from step ${forkedFrom.step} on`);
      return;
    }
    try {
      await trainAgainTo(bestStep);
    } catch (failure) {
      const nothingLeadsThere = ['InvalidData', 'NumericsDiffer'] as const;
      if (!nothingLeadsThere.some((type) => isOfType(failure, type))) throw failure;
      isLost(problemOf(failure).message);
    }
  };
  return {
    get trained() {
      return { ...ended, validations: course.validations, best: bestState() };
    },
    remakeLast,
    remakeBest,
  };
}

function refuseLargeBatch({ batchSize, samples }: TrainingPlan): void {
  if (batchSize <= samples) return;
  throw ApplicationFailure.nonRetryable(
    `training.batchSize: ${batchSize} is larger than the training set of ${samples} images; use at most ${samples}`,
    'InvalidConfig',
  );
}

/** What the run computes with is its first decision; a fork's settings may make other graphs. */
function timelineAtStart(
  { training }: Config,
  numerics: Numerics,
  takeover: Takeover | undefined,
): Decision[] {
  if (!takeover?.origin) return [{ fromStep: 0, numerics }];
  const { timeline, forked, origin, inputs } = takeover;
  if (!forked) return [...timeline];
  const { initial } = training.learningRate;
  // A rate that was set by hand before would stand above the fork's own.
  const rate =
    initial === inputs.config.training.learningRate.initial ? {} : { learningRate: initial };
  return [...timeline, { fromStep: origin.step, numerics, ...rate }];
}
