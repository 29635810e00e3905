/**
 * The steps of one epoch's stretch, in pieces: training saves a state as often as the configuration
 * says, and runs no further ahead of the store than a crash may lose.
 */
import type { TrainingConfig } from '../contract/config.ts';
import { NightshiftError, failureTypeNamed } from '../contract/failures.ts';
import { isValidated, planOf } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { TrainStepsInput } from '../contract/stages.ts';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { AdvanceRequest, Advanced } from '../model/trainer-messages.ts';
import { checkpointInterval, checkpointSteps } from './checkpoint-interval.ts';
import type { Step } from './durable.ts';
import { durableOf, saveHeldState, withSaves } from './saved-states.ts';
import type { Begin } from './saved-states.ts';
import type { ModelServices } from './services.ts';
import { untilStopped } from './trainer-host.ts';
import type { WarmTrainer } from './trainer-host.ts';
import type { TrainingRecords } from './training-records.ts';
import type { Uploads } from './uploads.ts';

/** States that may wait for their upload while training goes on: more would fill the disk when the store is slow. */
export const mostWaitingUploads = 1;

export interface Stretch {
  readonly records: TrainingRecords;
  /** The state that the segment began from. */
  readonly begin: Begin;
  /** Within one epoch. */
  readonly fromStep: number;
  readonly toStep: number;
  /** Of the segment's slice of time. */
  readonly secondsLeft: () => number;
  readonly onEvent: (event: TrainerEvent) => void;
  /** Told how far each piece came: its `seconds` have all waiting in them. */
  readonly onPiece: (advanced: Advanced) => void;
}

/** Ends early when the slice is over or the trainer is stopped. Throws what went wrong with a shard once the steps before it are taken. */
export async function advanceSteps(
  services: ModelServices,
  input: TrainStepsInput,
  step: Step,
  trainer: WarmTrainer,
  { records, begin, fromStep, toStep, secondsLeft, onEvent, onPiece }: Stretch,
): Promise<void> {
  const { uploads } = services;
  const { run, config } = input.inputs;
  const { training, seed } = config;
  const plan = planOf(input.inputs, input.timeline);
  const mostLost = training.checkpointEverySteps ?? Infinity;
  const durableStep = (at: number): number => durableOf(uploads, input, begin, at).step;
  for (let from = fromStep, isOver = false; !isOver && from < toStep;) {
    const waitingAt = performance.now();
    for (const most of [mostWaitingUploads, 0]) {
      if (from >= durableStep(from) + mostLost) await uploads.settled(run, most);
    }
    // None was saved on the way here: between two pieces the steps that are become others.
    if (from >= durableStep(from) + mostLost) {
      await saveHeldState(services, input, trainer);
      await uploads.settled(run);
    }
    const waited = (performance.now() - waitingAt) / 1000;
    if (step.signal.aborted) return saveHeldState(services, input, trainer);
    const to = Math.min(toStep, Math.max(from + 1, durableStep(from) + mostLost));
    const advanced = await advancePiece(services, step, trainer, onEvent, {
      ...{ plan, training, seed, timeline: input.timeline, fromStep: from, toStep: to },
      ...records,
      seconds: secondsLeft(),
      saveAt: statesToSave(plan, input.best, savingSteps(training, trainer, uploads), from, to),
      saveEverySeconds: savingInterval(training, trainer, uploads),
    });
    const { seconds, waitSeconds, failure } = advanced;
    if (advanced.step > from) trainer.stepSeconds = seconds / (advanced.step - from);
    onPiece({ ...advanced, seconds: seconds + waited, waitSeconds: waitSeconds + waited });
    if (failure) throw new NightshiftError(failureTypeNamed(failure.name), failure.message);
    from = advanced.step;
    isOver = advanced.why !== 'reached' || secondsLeft() <= 0;
  }
}

async function advancePiece(
  services: ModelServices,
  step: Step,
  trainer: WarmTrainer,
  onEvent: (event: TrainerEvent) => void,
  piece: Omit<AdvanceRequest, 'statePrefix'>,
): Promise<Advanced> {
  const answer = await withSaves(services, onEvent, (statePrefix, noting) =>
    untilStopped(trainer, step.signal, () =>
      trainer.client.ask({ type: 'advance', request: { ...piece, statePrefix } }, noting),
    ),
  );
  if (answer.type !== 'advanced') throw new Error(`unexpected answer '${answer.type}'`);
  return answer;
}

/** Seconds from one saved state to the next. */
export function savingInterval(
  training: TrainingConfig,
  { stallSeconds }: WarmTrainer,
  { seconds: uploadSeconds }: Uploads,
): number {
  const isKnown = stallSeconds !== undefined && uploadSeconds !== undefined;
  return checkpointInterval(training, isKnown ? { stallSeconds, uploadSeconds } : undefined);
}

function savingSteps(
  { checkpointEverySteps }: TrainingConfig,
  { stepSeconds }: WarmTrainer,
  { seconds: uploadSeconds }: Uploads,
): number | undefined {
  if (checkpointEverySteps === undefined) return undefined;
  const isKnown = stepSeconds !== undefined && uploadSeconds !== undefined;
  return checkpointSteps(checkpointEverySteps, isKnown ? uploadSeconds / stepSeconds : undefined);
}

/**
 * The states that are saved whatever the time: the last one; one of the best that is passed again,
 * since it was lost; and where there is an interval in steps, each of these and each validated one.
 */
function statesToSave(
  plan: TrainingPlan,
  best: readonly number[],
  everySteps: number | undefined,
  from: number,
  to: number,
): number[] {
  const steps = Array.from({ length: to - from }, (_, index) => from + 1 + index);
  return steps.filter(
    (step) =>
      step === plan.steps ||
      best.includes(step) ||
      (everySteps !== undefined && (step % everySteps === 0 || isValidated(plan, step))),
  );
}
