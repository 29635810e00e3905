/** Training: segment after segment to the last step, whatever breaks on the way; the best state is kept. */
import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  log,
  sleep,
} from '@temporalio/workflow';
import { failureTypeNamed, isWorthRetrying } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import { nextMilestone, planTraining, position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { Validation } from '../contract/progress.ts';
import type { CheckpointReference, TrainingInputs } from '../contract/stages.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';
import { quick, training } from './activities.ts';
import { prepareBaseShards, prepareEpoch } from './prepare.ts';
import { rootCause } from './progress.ts';
import type { Progress } from './progress.ts';

/** A validation, and the state it was of. */
export interface ValidatedState extends Validation {
  readonly checkpoint: CheckpointReference;
}

export interface Trained {
  readonly steps: number;
  readonly timeline: readonly Decision[];
  readonly validations: readonly ValidatedState[];
  readonly best: ValidatedState;
  readonly last: CheckpointReference;
  readonly resumedAt: readonly number[];
  readonly notBitEqual: readonly string[];
  readonly imagesPerSecond: number;
  /** Share of the training's wall time in which the trainer waited: for data, the store, Temporal. */
  readonly idleShare: number;
}

/** Trains to the last step. Throws what a retry can't mend. */
export async function train(
  inputs: TrainingInputs,
  numerics: Numerics,
  progress: Progress,
): Promise<Trained> {
  const plan = planTraining(inputs.samples, inputs.config.training);
  if (plan.batchSize > plan.samples) {
    throw ApplicationFailure.nonRetryable(
      `training.batchSize: ${plan.batchSize} is larger than the training set of ${plan.samples} images; use at most ${plan.samples}`,
      'InvalidConfig',
    );
  }
  let timeline: Decision[] = [{ fromStep: 0, numerics }];
  let validations: ValidatedState[] = [];
  const resumedAt: number[] = [];
  const notBitEqual: string[] = [];
  const epochs = epochsAhead(inputs, plan);
  let best: ValidatedState | undefined;
  let last: CheckpointReference | undefined;
  let step = 0;
  /** Since the last segment that came to its end. */
  const failures = new Map<FailureType, number>();
  let images = 0;
  let seconds = 0;
  let busySeconds = 0;
  const startedAt = Date.now();
  progress.training(() => ({
    ...plan,
    step: 0,
    validations: [],
    durableStep: 0,
    resumes: 0,
    hardware: describe(numerics),
  }));

  while (step < plan.steps) {
    const toStep = nextMilestone(plan, step);
    const { epoch } = position(plan, step);
    try {
      await epochs.ready(epoch);
      epochs.prepare(epoch + 1);
      const summary = `epoch ${epoch + 1}/${plan.epochs}, steps ${step} to ${toStep}`;
      const segment = await training.trainSteps.executeWithOptions({ summary }, [
        { inputs, timeline, reachedStep: step, toStep },
      ]);
      if (segment.loadedStep !== null && (step > 0 || failures.size > 0)) {
        resumedAt.push(segment.loadedStep);
      }
      failures.clear();
      step = segment.step;
      last = segment.checkpoint;
      images += segment.images;
      seconds += segment.seconds;
      busySeconds += segment.busySeconds;
      if (segment.validation && !validations.some((known) => known.step === step)) {
        validations = [...validations, { ...segment.validation, checkpoint: segment.checkpoint }];
        best = bestOf(validations);
      }
      progress.training((before) => ({
        ...before!,
        step,
        ...(segment.loss !== null && {
          loss: segment.loss,
          imagesPerSecond: segment.images / segment.seconds,
        }),
        validations,
        best,
        durableStep: segment.durableStep,
        ...(segment.durableAt !== null && { durableAt: segment.durableAt }),
        resumes: resumedAt.length,
      }));
      // The best state is on its way to the store perhaps: until it is there, the one before it stays.
      const there = bestOf(validations.filter((one) => one.step <= segment.durableStep));
      const keepSteps = [best, there].filter((one) => one !== undefined).map((one) => one.step);
      await quick.pruneCheckpoints({ inputs, timeline, keepSteps });
    } catch (failure) {
      const problem = problemOf(failure);
      progress.problem(problem.message);
      log.warn('training segment failed', { step, toStep, ...problem });
      const tries = (failures.get(problem.type) ?? 0) + 1;
      failures.set(problem.type, tries);
      if (!isWorthRetrying(problem.type, tries)) throw failure;
      if (problem.type === 'ShardsMissing') {
        epochs.remake((problem.details as { epoch: number }).epoch);
      } else if (problem.type === 'NumericsDiffer') {
        const change = problem.details as { numerics: Numerics; step: number };
        if (inputs.config.training.strict) throw failure;
        // What lies beyond was never stored, and will not come again to the same bits.
        const kept = timeline.filter(({ fromStep }) => fromStep < change.step);
        timeline = [...kept, { fromStep: change.step, numerics: change.numerics }];
        notBitEqual.push(`from step ${change.step}: on ${describe(change.numerics)}`);
        step = change.step;
        validations = validations.filter((one) => one.step <= change.step);
        best = bestOf(validations);
      } else {
        await sleep(Math.min(60_000, 500 * 2 ** tries));
        if (problem.type === 'DamagedObject') {
          await prepareBaseShards(inputs.split, inputs.config, () => undefined, 'verify');
        }
      }
    }
  }
  if (!best || !last) {
    throw ApplicationFailure.nonRetryable(`${plan.steps} steps done, but no state was validated`);
  }
  return {
    steps: plan.steps,
    timeline,
    validations,
    best,
    last,
    resumedAt,
    notBitEqual,
    imagesPerSecond: images / Math.max(seconds, 1e-9),
    idleShare: Math.max(0, 1 - busySeconds / ((Date.now() - startedAt) / 1000)),
  };
}

interface EpochsAhead {
  prepare(epoch: number): void;
  /** Resolves once the epoch's shards are there; after a failure it begins anew. */
  ready(epoch: number): Promise<void>;
  /** Makes what is missing or damaged of them again. */
  remake(epoch: number): void;
}

/** Augmented shards, prepared one epoch ahead; a failure shows when the epoch is asked for. */
function epochsAhead(inputs: TrainingInputs, plan: TrainingPlan): EpochsAhead {
  const prepared = new Map<number, Promise<void>>();
  const start = (epoch: number, trust: 'trust' | 'verify'): void => {
    const shards = prepareEpoch(inputs, epoch, trust);
    prepared.set(epoch, shards);
    shards.catch(() => {
      if (prepared.get(epoch) === shards) prepared.delete(epoch);
    });
  };
  const prepare = (epoch: number): void => {
    if (epoch < plan.epochs && !prepared.has(epoch)) start(epoch, 'trust');
  };
  return {
    prepare,
    ready(epoch) {
      prepare(epoch);
      return prepared.get(epoch) as Promise<void>;
    },
    remake: (epoch) => start(epoch, 'verify'),
  };
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

/** The most accurate one; of equals the earliest. */
function bestOf(validations: readonly ValidatedState[]): ValidatedState | undefined {
  return validations.toSorted((a, b) => b.accuracy - a.accuracy || a.step - b.step)[0];
}

function describe({ device, instructions, threads, precision }: Numerics): string {
  return `${device} (${instructions}, ${threads} threads), ${precision}`;
}
