/** Training: segment after segment to the last step, whatever breaks on the way; the best state is kept. */
import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  log,
  sleep,
} from '@temporalio/workflow';
import { failureTypes } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import { nextMilestone, planTraining, position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { Validation } from '../contract/progress.ts';
import type { CheckpointReference, TrainingInputs } from '../contract/stages.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';
import { quick, training } from './activities.ts';
import { prepareEpoch } from './prepare.ts';
import { rootCause } from './progress.ts';
import type { Progress } from './progress.ts';

/** Failures in a row, with no new step between them, after which the run fails. */
const mostFailuresInARow = 8;

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
  const timeline: Decision[] = [{ fromStep: 0, numerics }];
  const validations: ValidatedState[] = [];
  const resumedAt: number[] = [];
  const notBitEqual: string[] = [];
  const epochs = epochsAhead(inputs, plan);
  let best: ValidatedState | undefined;
  let last: CheckpointReference | undefined;
  let step = 0;
  let failuresInARow = 0;
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
    await epochs.ready(epoch);
    epochs.prepare(epoch + 1);
    try {
      const summary = `epoch ${epoch + 1}/${plan.epochs}, steps ${step} to ${toStep}`;
      const segment = await training.trainSteps.executeWithOptions({ summary }, [
        { inputs, timeline, reachedStep: step, toStep },
      ]);
      if (segment.loadedStep !== null && (step > 0 || failuresInARow > 0)) {
        resumedAt.push(segment.loadedStep);
      }
      failuresInARow = 0;
      step = segment.step;
      last = segment.checkpoint;
      images += segment.images;
      seconds += segment.seconds;
      busySeconds += segment.busySeconds;
      if (segment.validation && validations.at(-1)?.step !== step) {
        const validation = { ...segment.validation, checkpoint: segment.checkpoint };
        validations.push(validation);
        best = better(best, validation);
      }
      progress.training((before) => ({
        ...before!,
        step,
        loss: segment.loss,
        imagesPerSecond: segment.images / Math.max(segment.seconds, 1e-9),
        validations,
        ...(best && { best }),
        durableStep: segment.durableStep,
        ...(segment.durableAt !== null && { durableAt: segment.durableAt }),
        resumes: resumedAt.length,
      }));
      await quick.pruneCheckpoints({ inputs, timeline, keepSteps: best ? [best.step] : [] });
    } catch (failure) {
      const problem = problemOf(failure);
      progress.problem(problem.message);
      log.warn('training segment failed', { step, toStep, ...problem });
      if (problem.type === 'ShardsMissing') {
        await prepareEpoch(inputs, (problem.details as { epoch: number }).epoch, true);
      } else if (problem.type === 'NumericsDiffer') {
        const change = problem.details as { numerics: Numerics; durableStep: number };
        if (inputs.config.training.strict) throw failure;
        timeline.push({ fromStep: change.durableStep, numerics: change.numerics });
        notBitEqual.push(`from step ${change.durableStep}: on ${describe(change.numerics)}`);
        // What lies beyond was never stored, and will not come again to the same bits.
        step = change.durableStep;
        validations.splice(0, Infinity, ...validations.filter((one) => one.step <= step));
        best = validations.reduce<ValidatedState | undefined>(better, undefined);
      } else {
        if (++failuresInARow >= mostFailuresInARow) throw failure;
        await sleep(Math.min(60_000, 500 * 2 ** failuresInARow));
      }
    }
  }
  if (!best || !last) throw new Error(`${plan.steps} steps done, but no state was validated`);
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

/** Augmented shards, prepared one epoch ahead; a failure shows when the epoch is asked for. */
function epochsAhead(
  inputs: TrainingInputs,
  plan: TrainingPlan,
): { prepare(epoch: number): void; ready(epoch: number): Promise<void> } {
  const prepared = new Map<number, Promise<void>>();
  const prepare = (epoch: number): void => {
    if (epoch >= plan.epochs || prepared.has(epoch)) return;
    const shards = prepareEpoch(inputs, epoch);
    shards.catch(() => undefined);
    prepared.set(epoch, shards);
  };
  return {
    prepare,
    ready(epoch) {
      prepare(epoch);
      return prepared.get(epoch) as Promise<void>;
    },
  };
}

/** The failure below an activity's failure; throws on when a retry can't mend it, or the run is cancelled. */
function problemOf(failure: unknown): { type: FailureType; message: string; details: unknown } {
  if (!(failure instanceof ActivityFailure) || isCancellation(failure)) throw failure;
  const cause = rootCause(failure);
  const type =
    cause instanceof ApplicationFailure && cause.type && cause.type in failureTypes
      ? (cause.type as FailureType)
      : 'Unexpected';
  if (!failureTypes[type].retryable) throw failure;
  return {
    type,
    message: cause.message,
    details: cause instanceof ApplicationFailure ? cause.details?.[0] : undefined,
  };
}

/** The more accurate one; of equals the earlier. */
function better(best: ValidatedState | undefined, next: ValidatedState): ValidatedState {
  return best && best.accuracy >= next.accuracy ? best : next;
}

function describe({ device, instructions, threads, precision }: Numerics): string {
  return `${device} (${instructions}, ${threads} threads), ${precision}`;
}
