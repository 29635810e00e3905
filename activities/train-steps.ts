/**
 * Training, one segment: from the newest usable state to the state after `toStep` steps, or until
 * the slice of time is over. The trainer then holds the state, and it is saved as often as the
 * configuration says; uploads go on while the next segment trains, and the last segment waits.
 */
import { NightshiftError } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import { isValidated, planOf, position } from '../contract/plan.ts';
import type { Validation } from '../contract/progress.ts';
import { augmentedShards, conventionsOf } from '../contract/stages.ts';
import type { Segment, TrainStepsInput, TrainingInputs } from '../contract/stages.ts';
import { decided } from '../contract/timeline.ts';
import type { Numerics } from '../contract/timeline.ts';
import { digestOf } from '../data/digest.ts';
import { checkpointAt, checkpointsDownFrom } from '../model/checkpoint.ts';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { Advanced, ProgramRequest } from '../model/trainer-messages.ts';
import { advanceSteps, mostWaitingUploads, savingInterval } from './advance-steps.ts';
import type { Step } from './durable.ts';
import { isOfDamage } from './local-shards.ts';
import { resumeState, stateKeyOf } from './resume-state.ts';
import { durableOf, keepIfBest, saveHeldState, savesOf } from './saved-states.ts';
import type { ModelServices } from './services.ts';
import { describeStage } from './stages.ts';
import { heartbeatOf } from './train-heartbeat.ts';
import { programFor, untilStopped } from './trainer-host.ts';
import type { WarmTrainer } from './trainer-host.ts';
import { withTrainingRecords } from './training-records.ts';
import type { FeatureMaker, TrainingRecords } from './training-records.ts';
import type { Uploads } from './uploads.ts';

/** Throws `ShardsMissing` and `NumericsDiffer` for the workflow to act on, and `Diverged`. */
export async function trainSteps(
  services: ModelServices,
  input: TrainStepsInput,
  step: Step,
): Promise<Segment> {
  const { inputs } = input;
  return services.trainer.use(programOf(inputs), step.signal, async (trainer) => {
    try {
      return await trainSegment(services, input, step, trainer);
    } catch (error) {
      if (isOfType(error, 'TrainerDied')) throw withSeenStep(error, trainer);
      if (!isOfType(error, 'Diverged')) throw error;
      throw await withSoundCheckpoint(services, input, trainer, error);
    } finally {
      services.metrics.idle();
      if (step.signal.aborted) {
        try {
          // Paused or cancelled, the run may not come back for days. Leaves the state it holds.
          await services.trainer.close();
        } finally {
          // This worker may be about to end, and what it saved with it.
          await services.uploads.settled(inputs.run);
        }
      }
    }
  });
}

export const programOf = (inputs: TrainingInputs): ProgramRequest => {
  const { config, classes } = inputs;
  return programFor(config, classes.length, conventionsOf(inputs));
};

const isOfType = (error: unknown, type: FailureType): error is NightshiftError =>
  error instanceof NightshiftError && error.type === type;

/** Says how far the trainer was: the heartbeats of an attempt that failed are not kept. */
const withSeenStep = (
  { type, message, cause }: NightshiftError,
  { seenStep }: WarmTrainer,
): NightshiftError => new NightshiftError(type, message, { cause, details: { step: seenStep } });

/**
 * Says where a run with other settings could go on from. The loss is of the weights before the
 * step: those that it was no number of may have been saved.
 */
async function withSoundCheckpoint(
  { store, uploads }: ModelServices,
  { inputs, timeline }: TrainStepsInput,
  { seenStep }: WarmTrainer,
  { type, message }: NightshiftError,
): Promise<NightshiftError> {
  const { run } = inputs;
  await uploads.settled(run);
  const before = checkpointsDownFrom(store, inputs, timeline, seenStep! - 1, () => undefined);
  const { value: newest } = await before.next();
  const where = newest
    ? `its newest checkpoint from before is of step ${newest.step}`
    : 'it has no checkpoint from before';
  return new NightshiftError(type, `${message}; run ${run}: ${where}`);
}

async function trainSegment(
  services: ModelServices,
  input: TrainStepsInput,
  step: Step,
  trainer: WarmTrainer,
): Promise<Segment> {
  const startedAt = performance.now();
  const { uploads, metrics } = services;
  const { inputs, timeline, toStep } = input;
  const { run, config } = inputs;
  const plan = planOf(inputs, timeline);
  await uploads.settled(run, mostWaitingUploads);
  const loadingAt = performance.now();
  const begin = await resumeState(services, input, step, trainer);
  const loadSeconds = secondsSince(loadingAt);
  await refuseOtherNumerics(uploads, input, trainer, begin.step);
  // From here on what it holds is of this segment's decisions.
  trainer.leave = () => saveHeldState(services, input, trainer);
  if (!begin.warm && Math.max(begin.step, input.seenStep) > 0) {
    metrics.resumed(Math.max(0, input.seenStep - begin.step));
  }

  const total = {
    step: begin.step,
    loss: null as number | null,
    learningRate: null as number | null,
    images: 0,
    seconds: 0,
    busySeconds: 0,
  };
  const intervalSeconds = (): number => savingInterval(config.training, trainer, uploads);
  const trainerSeconds = (): number => secondsSince(startedAt);
  const heartbeat = heartbeatOf({
    ...{ step, uploads, input, begin, metrics, intervalSeconds, trainerSeconds },
  });
  const onSaved = savesOf(services, input, trainer);
  const onEvent = (event: TrainerEvent): void => {
    heartbeat(event);
    metrics.onEvent(event);
    onSaved(event);
    if (event.type === 'extracting') total.busySeconds += event.seconds;
    if (event.type === 'step') {
      trainer.seenStep = event.step;
      total.learningRate = event.learningRate;
    }
  };
  const beganAt = performance.now();
  const { enoughAfterSeconds = Infinity } = input;
  /** Before this step nothing is enough. */
  const leastStep = enoughAfterSeconds === Infinity ? 0 : Math.max(1, input.reachedStep);
  const secondsLeft = (): number => {
    const isEnough = total.step >= leastStep;
    const most = Math.min(config.training.sliceSeconds, isEnough ? enoughAfterSeconds : Infinity);
    return most - secondsSince(beganAt);
  };
  trainer.seenStep = begin.step;
  const onPiece = (advanced: Advanced): void => {
    metrics.onPiece(advanced);
    total.loss = advanced.loss ?? total.loss;
    total.step = advanced.step;
    total.images += advanced.images;
    total.seconds += advanced.seconds;
    total.busySeconds += advanced.seconds - advanced.waitSeconds;
    trainer.stateKey = stateKeyOf(input, total.step);
  };
  while (total.step < toStep && secondsLeft() > 0) {
    const { epoch } = position(plan, total.step);
    const next = total.step < leastStep ? leastStep : toStep;
    const target = Math.min(next, toStep, (epoch + 1) * plan.stepsPerEpoch);
    const maker = { trainer, step, onEvent };
    await withEpochRecords(services, input, epoch, maker, (records) =>
      advanceSteps(services, input, step, trainer, {
        ...{ records, begin, onEvent, onPiece, fromStep: total.step, toStep: target },
        secondsLeft,
      }),
    );
    step.signal.throwIfAborted();
  }
  const validatingAt = performance.now();
  /** Where a validation has ended training only its state is wanted. */
  const isKnown =
    input.reachedStep === toStep && input.validations.some((one) => one.step === toStep);
  const validation =
    !isKnown && total.step === toStep && isValidated(plan, total.step)
      ? await validate(services, input, step, trainer, toStep, heartbeat)
      : null;
  if (validation) await keepIfBest(services, input, trainer, validation);
  const lookedAt =
    input.asked?.validation &&
    (validation ?? (await validate(services, input, step, trainer, total.step, heartbeat)));
  total.busySeconds += loadSeconds + secondsSince(validatingAt);
  // Whoever asks for a state wants it from the store.
  const isAskedFor = input.reachedStep === toStep || input.asked !== undefined;
  if (isAskedFor) await saveHeldState(services, input, trainer);
  if (total.step === plan.steps || isAskedFor) await uploads.settled(run);
  const durable = durableOf(uploads, input, begin, total.step);
  return {
    ...total,
    checkpoint: checkpointAt(inputs, timeline, total.step),
    loadedStep: begin.warm ? null : begin.step,
    trainerSeconds: trainerSeconds(),
    validation,
    ...(lookedAt && { lookedAt }),
    durableStep: durable.step,
    durableAt: durable.at,
    workerQueue: services.workerQueue,
  };
}

const secondsSince = (at: number): number => (performance.now() - at) / 1000;

/**
 * The state to train on from is in the store when this throws: any worker can take it from there.
 * Where only its validation is left, that is decided by what holds from the state on.
 */
async function refuseOtherNumerics(
  uploads: Uploads,
  { inputs, timeline, validations, toStep }: TrainStepsInput,
  trainer: WarmTrainer,
  step: number,
): Promise<void> {
  if (step === toStep && validations.some((one) => one.step === step)) return;
  const { numerics } = trainer.client;
  const changes = timeline.map(({ fromStep }) => fromStep);
  const expected = [step, ...changes.filter((at) => at > step && at < toStep)]
    .map((at) => decided(timeline, 'numerics', at))
    .find((one) => digestOf(one) !== digestOf(numerics));
  if (!expected) return;
  await uploads.settled(inputs.run);
  throw new NightshiftError(
    'NumericsDiffer',
    `step ${step}: this worker computes otherwise than the run (${differencesOf(numerics, expected)}); training.strict refuses it: start a worker like the run's, or resume with training.strict=false`,
    { details: { numerics, step } },
  );
}

/** `device: cpu, the run has NVIDIA H100; ...` */
function differencesOf(numerics: Numerics, expected: Numerics): string {
  return (Object.keys(numerics) as (keyof Numerics)[])
    .filter((key) => numerics[key] !== expected[key])
    .map((key) => `${key}: ${numerics[key]}, the run has ${expected[key]}`)
    .join('; ');
}

async function withEpochRecords<T>(
  services: ModelServices,
  { inputs }: TrainStepsInput,
  epoch: number,
  maker: FeatureMaker,
  work: (read: TrainingRecords) => Promise<T>,
): Promise<T> {
  const { digest } = await describeStage(services.store, augmentedShards(inputs, epoch));
  try {
    return await withTrainingRecords(services, inputs, digest, 'train', maker, work);
  } catch (error) {
    if (!isOfDamage(error)) throw error;
    throw new NightshiftError('ShardsMissing', `the shards of epoch ${epoch + 1} are not whole`, {
      cause: error,
      details: { epoch },
    });
  }
}

async function validate(
  services: ModelServices,
  { inputs, timeline }: TrainStepsInput,
  step: Step,
  trainer: WarmTrainer,
  at: number,
  onEvent: (event: TrainerEvent) => void,
): Promise<Validation> {
  const { validation } = inputs;
  const { stepsPerEpoch } = planOf(inputs, timeline);
  const maker = { trainer, step, onEvent };
  return withTrainingRecords(services, inputs, validation, 'validation', maker, async (read) => {
    const answer = await untilStopped(trainer, step.signal, () =>
      trainer.client.ask({ type: 'evaluate', ...read }, onEvent),
    );
    if (answer.type !== 'evaluated') throw new Error(`unexpected answer '${answer.type}'`);
    const { loss, accuracy, top5 } = answer.evaluation;
    return { step: at, epoch: Math.ceil(at / stepsPerEpoch), loss, accuracy, top5 };
  });
}
