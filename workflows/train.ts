/** Training: segment after segment to the last step, whatever breaks on the way; the best state is kept. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  TimeoutFailure,
  isCancellation,
  log,
  sleep,
} from '@temporalio/workflow';
import { failureTypeNamed, isToBeMended, isWorthRetrying } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import { isValidated, nextMilestone, planTraining, position } from '../contract/plan.ts';
import type {
  CheckpointReference,
  Segment,
  Takeover,
  TrainStepsInput,
  TrainingInputs,
} from '../contract/stages.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';
import { training } from './activities.ts';
import { openCourse } from './course.ts';
import type { Course, UsableState } from './course.ts';
import { epochsAhead } from './epochs.ts';
import { rootCause } from './progress.ts';
import type { Progress } from './progress.ts';
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
  readonly trained: Trained;
  /** Makes anew what can't be read any more: the data, and a state, by training to it once more. */
  readonly remake: (state: CheckpointReference) => Promise<void>;
}

/** What training is given beside its inputs. */
export interface TrainingHelp {
  readonly progress: Progress;
  readonly steering: Steering;
  /** Makes anew what is damaged of all that is trained on, but for the augmented shards. */
  readonly remakeData: () => Promise<void>;
  /** Stores what the run has come to, and lets go of the checkpoints it no longer needs. */
  readonly atMilestone: (course: Course, step: number, durableStep: number) => Promise<void>;
}

/** Trains to the last step. Throws what a retry can't mend. */
export async function train(
  inputs: TrainingInputs,
  numerics: Numerics,
  takeover: Takeover | undefined,
  { progress, steering, remakeData, atMilestone }: TrainingHelp,
): Promise<FinishedTraining> {
  const { config } = inputs;
  const plan = planTraining(inputs.samples, config.training);
  if (plan.batchSize > plan.samples) {
    throw ApplicationFailure.nonRetryable(
      `training.batchSize: ${plan.batchSize} is larger than the training set of ${plan.samples} images; use at most ${plan.samples}`,
      'InvalidConfig',
    );
  }
  const course = openCourse(config.training, {
    timeline: timelineAtStart(numerics, takeover),
    validations: takeover?.validations ?? [],
  });
  const resumedAt: number[] = [];
  const notBitEqual: string[] = [];
  const epochs = epochsAhead(inputs, plan);
  /** Since the last segment that came to its end. */
  const failures = new Map<FailureType, number>();
  let step = takeover?.step ?? 0;
  let last: CheckpointReference | null = inputs.origin ?? null;
  /** Of the worker whose trainer holds the state. */
  let workerQueue: string | undefined;
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

  const segmentTo = (toStep: number): TrainStepsInput => {
    const { timeline, validations } = course;
    const reachedStep = Math.min(step, toStep);
    return {
      inputs,
      timeline,
      validations: validations.map(withoutCheckpoint),
      reachedStep,
      toStep,
    };
  };

  /** From the newest durable state to this one. */
  const advance = async (toStep: number): Promise<Segment> => {
    const { epoch } = position(plan, Math.min(step, toStep - 1));
    await epochs.ready(epoch);
    epochs.prepare(epoch + 1);
    const input = segmentTo(toStep);
    const options = {
      summary: `epoch ${epoch + 1}/${plan.epochs}, steps ${input.reachedStep} to ${toStep}`,
      ...(workerQueue !== undefined && onWorker(workerQueue)),
    };
    return training.trainSteps.executeWithOptions(options, [input]);
  };

  /** Saves what the worker holds, and frees its GPU; a worker that is gone has nothing to give. */
  const handBack = async (): Promise<void> => {
    if (workerQueue === undefined) return;
    const options = { summary: `step ${step}, saved and handed back`, ...onWorker(workerQueue) };
    workerQueue = undefined;
    try {
      await training.handBack.executeWithOptions(options, [segmentTo(step)]);
    } catch (failure) {
      log.warn('nothing was handed back', { step, problem: problemOf(failure).message });
    }
  };

  /** Takes a decision, makes shards again or waits: what the failure asks for. Throws what nothing mends. */
  const mend = async (failure: unknown): Promise<void> => {
    const preferred = workerQueue;
    workerQueue = undefined;
    if (preferred !== undefined && isNotStarted(failure)) return;
    const problem = problemOf(failure);
    progress.problem(problem.message);
    log.warn('training segment failed', { step, ...problem });
    const tries = (failures.get(problem.type) ?? 0) + 1;
    failures.set(problem.type, tries);
    if (!isWorthRetrying(problem.type, tries)) throw failure;
    if (isToBeMended(problem.type)) workerQueue = preferred;
    if (problem.type === 'ShardsMissing') {
      epochs.remake((problem.details as { epoch: number }).epoch);
    } else if (problem.type === 'NumericsDiffer') {
      const change = problem.details as { numerics: Numerics; step: number };
      if (config.training.strict) throw failure;
      course.turnOff(change.step, change.numerics);
      notBitEqual.push(`from step ${change.step}: on ${describe(change.numerics)}`);
      step = change.step;
    } else {
      // The first time it may be mended by now.
      if (tries > 1) await sleep(Math.min(60_000, 500 * 2 ** tries));
      if (problem.type === 'DamagedObject') await remakeData();
    }
  };

  const isUnvalidated = (): boolean =>
    step > 0 && isValidated(plan, step) && !course.validations.some((one) => one.step === step);

  const isDone = (): boolean => step === plan.steps && last?.step === step && !isUnvalidated();

  await atMilestone(course, step, step);
  while (!isDone()) {
    await steering.untilGoing(handBack);
    const learningRate = steering.takeLearningRate();
    if (learningRate !== undefined) course.decide({ fromStep: step, learningRate });
    try {
      const stays = isUnvalidated() || step === plan.steps;
      const toStep = stays ? step : nextMilestone(plan, step);
      const segment = await steering.interruptible(() => advance(toStep));
      if (!segment) continue;
      if (segment.loadedStep !== null && (step > 0 || failures.size > 0)) {
        resumedAt.push(segment.loadedStep);
      }
      failures.clear();
      ({ step, checkpoint: last, workerQueue } = segment);
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
      await atMilestone(course, step, segment.durableStep);
    } catch (failure) {
      if (!isCancellation(failure)) await mend(failure);
      else {
        await CancellationScope.nonCancellable(handBack);
        throw failure;
      }
    }
  }
  const [best] = course.best();
  if (!best || !last) {
    throw ApplicationFailure.nonRetryable(`${plan.steps} steps done, but no state was validated`);
  }
  const { timeline, validations } = course;
  const remake = async (state: CheckpointReference): Promise<void> => {
    await remakeData();
    for (;;) {
      try {
        await advance(state.step);
        return;
      } catch (failure) {
        await mend(failure);
      }
    }
  };
  const trained = {
    steps: plan.steps,
    timeline,
    validations,
    best,
    last,
    resumedAt,
    notBitEqual,
    imagesPerSecond: total.images / Math.max(total.seconds, 1e-9),
    idleShare: Math.max(0, 1 - total.busySeconds / ((Date.now() - startedAt) / 1000)),
  };
  return { trained, remake };
}

/** Waits longer than a worker that lives takes to begin; one that is gone costs so much once. */
const onWorker = (taskQueue: string) =>
  ({ taskQueue, scheduleToStartTimeout: '5 seconds' }) as const;

/** What the run computes with is its first decision; a fork's settings may make other graphs. */
function timelineAtStart(numerics: Numerics, takeover: Takeover | undefined): Decision[] {
  if (!takeover?.origin) return [{ fromStep: 0, numerics }];
  const { timeline, forked, origin } = takeover;
  return forked ? [...timeline, { fromStep: origin.step, numerics }] : [...timeline];
}

const withoutCheckpoint = ({
  checkpoint: _checkpoint,
  ...validation
}: Course['validations'][number]) => validation;

/** No worker took the task: that which was preferred is gone. */
function isNotStarted(failure: unknown): boolean {
  if (!(failure instanceof ActivityFailure)) return false;
  const { cause } = failure;
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}

/** The failure below an activity's failure; anything else, a cancellation too, is thrown on. */
function problemOf(failure: unknown): { type: FailureType; message: string; details: unknown } {
  if (!(failure instanceof ActivityFailure) || isCancellation(failure)) throw failure;
  const cause = rootCause(failure);
  return {
    type: failureTypeNamed(cause instanceof ApplicationFailure ? cause.type : undefined),
    message: cause.message,
    details: cause instanceof ApplicationFailure ? cause.details?.[0] : undefined,
  };
}

function describe({ device, instructions, threads, precision }: Numerics): string {
  return `${device} (${instructions}, ${threads} threads), ${precision}`;
}
