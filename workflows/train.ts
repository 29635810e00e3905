/** Training: segment after segment to the last step, whatever breaks on the way; the best state is kept. */
import { ApplicationFailure, CancellationScope, patched } from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import { planOf, position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { Takeover, TrainingInputs } from '../contract/stages.ts';
import { decided } from '../contract/timeline.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';
import { openCourse } from './course.ts';
import type { Course } from './course.ts';
import { openDirection } from './direction.ts';
import { epochsAhead } from './epochs.ts';
import { finishedTraining } from './finished-training.ts';
import type { FinishedTraining } from './finished-training.ts';
import { headwayAtStart, openHeadway } from './headway.ts';
import type { CarriedHeadway } from './headway.ts';
import type { Hold } from './hold.ts';
import type { Milestones } from './milestones.ts';
import { isHistoryLong } from './next-execution.ts';
import { isOfType } from './problem.ts';
import type { Progress } from './progress.ts';
import type { Requests } from './requests.ts';
import { openSegments, orHandBack } from './segments.ts';
import type { CarriedSegments } from './segments.ts';
import { openSetbacks } from './setbacks.ts';
import type { CarriedSteering, Steering } from './steering.ts';

/** What training is given beside its inputs. */
export interface TrainingHelp {
  readonly progress: Progress;
  readonly steering: Steering;
  readonly requests: Requests;
  readonly hold: Hold;
  /** Makes anew what is damaged of all that is trained on, but for the augmented shards. */
  readonly remakeData: () => Promise<void>;
  readonly milestones: Milestones;
  /** Ends this execution: the next one goes on with training. */
  readonly goOnInNext: (training: CarriedTraining) => Promise<never>;
}

/** Where training begins: what it computes with may still be on its way. */
export interface TrainingStart {
  readonly numerics: Promise<Numerics>;
  readonly takeover: Takeover | undefined;
}

/** Where it goes on in the next execution of its workflow. */
export interface CarriedTraining {
  readonly timeline: Course['timeline'];
  readonly validations: Course['validations'];
  readonly headway: CarriedHeadway;
  readonly segments: CarriedSegments;
  readonly steering: CarriedSteering;
  readonly notBitEqual: readonly string[];
}

/** Trains to the last step, or as far as it is to. Throws what a retry can't mend. */
export async function train(
  inputs: TrainingInputs,
  begin: TrainingStart | CarriedTraining,
  { progress, steering, requests, hold, remakeData, milestones, goOnInNext }: TrainingHelp,
): Promise<FinishedTraining> {
  const { config } = inputs;
  const before = 'headway' in begin ? begin : begin.takeover;
  const planned = planOf(inputs, before?.timeline ?? []);
  refuseLargeBatch(planned);
  const firstStep = 'headway' in begin ? begin.headway.step : (begin.takeover?.step ?? 0);
  const epochs = epochsAhead(inputs);
  if (firstStep < planned.steps) epochs.prepare(position(planned, firstStep).epoch);
  const carried = 'headway' in begin ? begin : await carriedAtStart(config, begin);
  const { timeline } = carried;
  const numerics = decided(timeline, 'numerics', firstStep)!;
  const course = openCourse(inputs, { timeline, validations: carried.validations });
  const segments = openSegments(inputs, course, epochs, progress, carried.segments);
  const common = { course, segments, progress, remakeData };
  const setbacks = openSetbacks(
    { ...common, training: config.training, epochs },
    carried.notBitEqual,
  );
  const headway = openHeadway(numerics, carried.headway, course, progress);
  const direction = openDirection(config, { course, headway, segments, steering });

  const goOnInNextIfLong = async (): Promise<void> => {
    // A cancellation is not carried on: what comes next hands back and ends the run.
    const isQuiet = (): boolean =>
      epochs.isIdle &&
      !setbacks.areUnderWay &&
      !segments.mayBeFurther &&
      steering.isQuiet &&
      !CancellationScope.current().consideredCancelled;
    if (!isHistoryLong()) return;
    const { epoch, sampleInEpoch } = position(course.plan, headway.step);
    // An epoch's end waits for the next one's shards in any case.
    if (sampleInEpoch === 0) await steering.interruptible(() => epochs.over(epoch));
    if (!isQuiet()) return;
    await milestones.over();
    if (!isQuiet()) return;
    const { validations } = course;
    const { notBitEqual } = setbacks;
    await goOnInNext({
      ...{ timeline: course.timeline, validations, notBitEqual },
      ...{ headway: headway.carried, segments: segments.carried, steering: steering.carried },
    });
  };

  await milestones.keep(course, headway.step, carried.headway.durableStep);
  while (!direction.isReached) {
    await orHandBack(segments, headway.step, goOnInNextIfLong);
    await steering.untilGoing(() => segments.handBack(headway.step));
    const decidedBefore = course.timeline;
    const { step, toStep } = direction.next();
    const { steps: lastStep } = course.plan;
    try {
      // The run may be ended before the next milestone: who goes on from it is to know them.
      if (course.timeline !== decidedBefore && patched('keep-decisions')) {
        await milestones.keep(course, step, headway.carried.durableStep);
      }
      const asked = requests.take();
      const enoughAfterSeconds = asked ? 0 : direction.secondsLeft;
      const segment = await steering.interruptible(() =>
        segments.advance(step, toStep, { enoughAfterSeconds, asked }),
      );
      if (!segment) continue;
      headway.take(segment, {
        disturbed: setbacks.over(),
        isStored: segment.step === lastStep,
        trainerSeconds: segments.trainerSeconds,
      });
      requests.answer(segment);
      await milestones.keep(course, headway.step, segment.durableStep);
    } catch (failure) {
      const { step: reached } = headway;
      const mend = (): Promise<number> => setbacks.mend(failure, reached);
      try {
        const mended = await orHandBack(segments, reached, () => steering.interruptible(mend));
        headway.goOnFrom(mended ?? reached);
      } catch (fatal) {
        await hold.failed('train', fatal, () => segments.handBack(reached));
        setbacks.countAnew();
        // What was trained on the way there may be the cause of it.
        if (isOfType(fatal, 'Diverged')) segments.leaveFurther();
      }
    }
  }
  steering.close();
  const ended = {
    steps: course.plan.steps,
    stopped: course.stopped,
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

/** Before the first segment. */
async function carriedAtStart(
  config: Config,
  { numerics, takeover }: TrainingStart,
): Promise<CarriedTraining> {
  return {
    timeline: timelineAtStart(config, await numerics, takeover),
    validations: takeover?.validations ?? [],
    headway: headwayAtStart(takeover),
    segments: { seenStep: 0, trainerSeconds: 0 },
    steering: { pausedMs: 0 },
    notBitEqual: [],
  };
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
  const {
    epochs,
    learningRate: { initial },
  } = training;
  const before = inputs.config.training;
  // What was set by hand before would stand above the fork's own.
  const rate = initial === before.learningRate.initial ? {} : { learningRate: initial };
  const isExtended = decided(timeline, 'epochs', Infinity) !== undefined;
  const length = isExtended && epochs !== before.epochs ? { epochs } : {};
  return [...timeline, { fromStep: origin.step, numerics, ...rate, ...length }];
}
