/** Training: segment after segment to the last step, whatever breaks on the way; the best state is kept. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import { isValidated, nextMilestone, planTraining, position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { Takeover, TrainingInputs } from '../contract/stages.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';
import { openCourse } from './course.ts';
import { epochsAhead } from './epochs.ts';
import { finishedTraining } from './finished-training.ts';
import type { FinishedTraining } from './finished-training.ts';
import { openHeadway } from './headway.ts';
import type { Milestones } from './milestones.ts';
import type { Progress } from './progress.ts';
import { openSegments, orHandBack } from './segments.ts';
import { openSetbacks } from './setbacks.ts';
import type { Steering } from './steering.ts';

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
  const firstStep = takeover?.step ?? 0;
  const epochs = epochsAhead(inputs, plan);
  if (firstStep < plan.steps) epochs.prepare(position(plan, firstStep).epoch);
  const numerics = await numericsLater;
  const course = openCourse(config.training, {
    plateauFrom: inputs.plateauFrom ?? 0,
    timeline: timelineAtStart(config, numerics, takeover),
    validations: takeover?.validations ?? [],
  });
  const segments = openSegments(inputs, plan, course, epochs, progress);
  const common = { course, segments, progress, remakeData };
  const setbacks = openSetbacks({ ...common, training: config.training, epochs });
  const headway = openHeadway(plan, numerics, takeover, course, progress);
  const isUnvalidated = (): boolean =>
    headway.step > 0 &&
    isValidated(plan, headway.step) &&
    !course.validations.some(({ step }) => step === headway.step);
  const isDone = (): boolean =>
    headway.step === plan.steps && headway.last?.step === headway.step && !isUnvalidated();

  await milestones.keep(course, headway.step, headway.step);
  while (!isDone()) {
    const { step } = headway;
    await steering.untilGoing(() => segments.handBack(step));
    const learningRate = steering.takeLearningRate(nextMilestone(plan, step) === plan.steps);
    if (learningRate !== undefined) course.setLearningRate(step, learningRate);
    try {
      const stays = isUnvalidated() || step === plan.steps;
      const toStep = stays ? step : nextMilestone(plan, step);
      const segment = await steering.interruptible(() => segments.advance(step, toStep));
      if (!segment) continue;
      headway.take(segment, setbacks.over());
      await milestones.keep(course, headway.step, segment.durableStep);
    } catch (failure) {
      const { step: reached } = headway;
      const mend = (): Promise<number> => setbacks.mend(failure, reached);
      const mended = await orHandBack(segments, reached, () => steering.interruptible(mend));
      headway.goOnFrom(mended ?? reached);
    }
  }
  steering.close();
  const ended = {
    steps: plan.steps,
    timeline: course.timeline,
    last: headway.last!,
    resumedAt: headway.resumedAt,
    notBitEqual: setbacks.notBitEqual,
    ...headway.speed(steering.pausedMs),
  };
  return finishedTraining(inputs, ended, { ...common, setbacks });
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
