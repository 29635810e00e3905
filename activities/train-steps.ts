/**
 * Training, one segment: from the newest usable state to the state after `toStep` steps, or until
 * the slice of time is over. The state is saved locally when it returns; the upload goes on while
 * the next segment trains, and the last segment waits for it.
 */
import { log } from '@temporalio/activity';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NightshiftError } from '../contract/failures.ts';
import { stageManifestKey } from '../contract/keys.ts';
import { weightsManifestSchema } from '../contract/manifests.ts';
import { isValidated, planTraining, position } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import type { TrainHeartbeat, Validation } from '../contract/progress.ts';
import { augmentedShards } from '../contract/stages.ts';
import type { CheckpointReference, Segment, TrainStepsInput } from '../contract/stages.ts';
import { decisionsBefore, numericsAt } from '../contract/timeline.ts';
import { digestOf } from '../data/digest.ts';
import {
  checkpointAt,
  checkpointsDownFrom,
  commitCheckpoint,
  fetchBundle,
} from '../model/checkpoint.ts';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { LocalShard } from '../model/trainer-messages.ts';
import { DamagedObject, ObjectNotFound } from '../storage/store.ts';
import type { Step } from './durable.ts';
import { withLocalShards } from './local-shards.ts';
import type { ModelServices } from './services.ts';
import { describeStage, required } from './stages.ts';
import { untilStopped } from './trainer-host.ts';
import type { WarmTrainer } from './trainer-host.ts';
import type { Uploads } from './uploads.ts';

/** States that may wait for their upload while training goes on: more would fill the disk when the store is slow. */
const mostWaitingUploads = 1;

/** Throws `ShardsMissing` and `NumericsDiffer` for the workflow to act on, and `Diverged`. */
export async function trainSteps(
  services: ModelServices,
  input: TrainStepsInput,
  step: Step,
): Promise<Segment> {
  const { inputs } = input;
  const { model, training } = inputs.config;
  const program = { model, training, classes: inputs.classes.length };
  return services.trainer.use(program, async (trainer) => {
    try {
      return await trainSegment(services, input, step, trainer);
    } catch (error) {
      throw isDiverged(error) ? await withNewestCheckpoint(services, inputs.run, error) : error;
    } finally {
      // This worker may be about to end, and what it saved with it.
      if (step.signal.aborted) await services.uploads.settled(inputs.run);
    }
  });
}

const isDiverged = (error: unknown): error is NightshiftError =>
  error instanceof NightshiftError && error.type === 'Diverged';

/** Says where a run with other settings could go on from. */
async function withNewestCheckpoint(
  { uploads }: ModelServices,
  run: string,
  { type, message }: NightshiftError,
): Promise<NightshiftError> {
  await uploads.settled(run);
  const newest = uploads.durable(run);
  const where = newest ? `its newest checkpoint is of step ${newest.step}` : 'it has no checkpoint';
  return new NightshiftError(type, `${message}; run ${run}: ${where}`);
}

async function trainSegment(
  services: ModelServices,
  input: TrainStepsInput,
  step: Step,
  trainer: WarmTrainer,
): Promise<Segment> {
  const { uploads } = services;
  const { inputs, timeline, toStep } = input;
  const { run, config } = inputs;
  const plan = planTraining(inputs.samples, config.training);
  await uploads.settled(run, mostWaitingUploads);
  const loadingAt = performance.now();
  const begin = await loadNewestState(services, input, step, trainer);
  const loadSeconds = secondsSince(loadingAt);
  if (begin.step < toStep) await refuseOtherNumerics(uploads, input, trainer, begin.step);

  const total = { images: 0, seconds: 0, busySeconds: 0 };
  let loss: number | null = null;
  const heartbeat = reporter(step, uploads, run, begin.step);
  const deadline = performance.now() + config.training.sliceSeconds * 1000;
  let at: CheckpointReference | null = begin.checkpoint;
  let reached = begin.step;
  while (reached < toStep && performance.now() < deadline) {
    const { epoch } = position(plan, reached);
    const target = Math.min(toStep, (epoch + 1) * plan.stepsPerEpoch);
    const advanced = await withEpochShards(services, input, epoch, step.signal, async (shards) => {
      const directory = await mkdtemp(join(services.scratch, 'state-'));
      const answer = await untilStopped(trainer, step.signal, () =>
        trainer.client.ask(
          {
            type: 'advance',
            request: {
              plan,
              training: config.training,
              timeline,
              seed: config.seed,
              fromStep: reached,
              toStep: target,
              seconds: (deadline - performance.now()) / 1000,
              shards,
              saveAt: statesToSave(plan, config.training.checkpointEverySteps, reached, target),
              directory,
            },
          },
          (event) => {
            heartbeat(event);
            if (event.type !== 'saved') return;
            const { saved } = event;
            const checkpoint = checkpointAt(inputs, timeline, saved.step);
            const parent = at && { lineage: at.lineage, step: at.step };
            at = checkpoint;
            const state = { checkpoint, parent, directory: saved.directory };
            uploads.add(state, () =>
              commitCheckpoint(services.store, inputs, timeline, plan, state),
            );
          },
        ),
      );
      if (answer.type !== 'advanced') throw new Error(`unexpected answer '${answer.type}'`);
      return answer;
    });
    reached = advanced.step;
    total.images += advanced.images;
    total.seconds += advanced.seconds;
    total.busySeconds += advanced.seconds - advanced.waitSeconds;
    loss = advanced.loss;
    trainer.stateKey = stateKeyOf(input, reached);
    step.signal.throwIfAborted();
  }
  const validatingAt = performance.now();
  const validation =
    reached === toStep && isValidated(plan, reached)
      ? await validate(services, input, step, trainer, plan, heartbeat)
      : null;
  total.busySeconds += loadSeconds + secondsSince(validatingAt);
  if (reached === plan.steps) await uploads.settled(run);
  const durable = uploads.durable(run);
  return {
    step: reached,
    checkpoint: checkpointAt(inputs, timeline, reached),
    loadedStep: begin.warm ? null : begin.step,
    loss,
    ...total,
    validation,
    durableStep: durable?.step ?? begin.step,
    durableAt: durable?.at ?? null,
  };
}

interface Begin {
  readonly step: number;
  readonly warm: boolean;
  /** The stored state it begins from; null for the initial one. */
  readonly checkpoint: CheckpointReference | null;
}

/** The trainer's own state when it lies on the way, else the newest usable checkpoint, else the initial state. */
async function loadNewestState(
  services: ModelServices,
  input: TrainStepsInput,
  step: Step,
  trainer: WarmTrainer,
): Promise<Begin> {
  const { inputs, timeline, reachedStep, toStep } = input;
  for (const at of [toStep, reachedStep]) {
    if (trainer.stateKey === stateKeyOf(input, at)) {
      return {
        step: at,
        warm: true,
        checkpoint: at === 0 ? null : checkpointAt(inputs, timeline, at),
      };
    }
  }
  // What this worker saved before is newer than what the store has.
  await services.uploads.settled(inputs.run);
  const startedAt = Date.now();
  trainer.stateKey = undefined;
  const warn = ({ step: damaged }: CheckpointReference, { message }: Error): void =>
    log.warn(`checkpoint of step ${damaged} can't be used, an older one must do: ${message}`);
  const found = checkpointsDownFrom(services.store, inputs, timeline, toStep, warn);
  for await (const manifest of found) {
    const directory = await mkdtemp(join(services.scratch, 'restore-'));
    try {
      const prefix = await fetchBundle(services.store, manifest, directory);
      await trainer.client.ask({ type: 'load', source: { kind: 'checkpoint', prefix } });
    } catch (error) {
      if (!(error instanceof DamagedObject || error instanceof ObjectNotFound)) throw error;
      warn(manifest, error);
      continue;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
    const lost = Math.max(0, reachedStep - manifest.step);
    const seconds = (Date.now() - startedAt) / 1000;
    log.info(
      `resumed at step ${manifest.step} of run ${inputs.run}, ${lost} steps lost, ${seconds} s`,
    );
    step.signal.throwIfAborted();
    return { step: manifest.step, warm: false, checkpoint: manifest };
  }
  if (reachedStep > 0) {
    log.warn(
      `run ${inputs.run}: no usable checkpoint, begins again at step 0, ${reachedStep} steps lost`,
    );
  }
  await loadInitialState(services, input, trainer);
  return { step: 0, warm: false, checkpoint: null };
}

const secondsSince = (at: number): number => (performance.now() - at) / 1000;

async function loadInitialState(
  { store, cache }: ModelServices,
  { inputs }: TrainStepsInput,
  { client }: WarmTrainer,
): Promise<void> {
  const { seed } = inputs.config;
  if (inputs.weights === null) {
    await client.ask({ type: 'load', source: { kind: 'initial', seed } });
    return;
  }
  const key = stageManifestKey(inputs.weights);
  const { files } = await required(store, key, weightsManifestSchema);
  const file = await cache.fetch(files[0]!, store);
  try {
    await client.ask({ type: 'load', source: { kind: 'initial', seed, weights: file.path } });
  } finally {
    await file.release();
  }
}

/** Names a state by all that it depends on. */
function stateKeyOf({ inputs, timeline }: TrainStepsInput, step: number): string {
  return digestOf({ inputs, timeline: decisionsBefore(timeline, step), step });
}

/** The state to train on from is in the store when this throws: any worker can take it from there. */
async function refuseOtherNumerics(
  uploads: Uploads,
  { inputs, timeline, toStep }: TrainStepsInput,
  trainer: WarmTrainer,
  step: number,
): Promise<void> {
  const { numerics } = trainer.client;
  const expected = numericsAt(timeline, toStep - 1);
  if (digestOf(numerics) === digestOf(expected)) return;
  await uploads.settled(inputs.run);
  throw new NightshiftError(
    'NumericsDiffer',
    `this worker computes with ${JSON.stringify(numerics)}, the run with ${JSON.stringify(expected)}`,
    { details: { numerics, step } },
  );
}

/** The states worth saving: each checkpoint interval, each validation, and the segment's end. */
function statesToSave(plan: TrainingPlan, everySteps: number, from: number, to: number): number[] {
  const steps = Array.from({ length: to - from }, (_, index) => from + 1 + index);
  return steps.filter((step) => step === to || step % everySteps === 0 || isValidated(plan, step));
}

async function withEpochShards<T>(
  services: ModelServices,
  { inputs }: TrainStepsInput,
  epoch: number,
  signal: AbortSignal,
  work: (shards: LocalShard[]) => Promise<T>,
): Promise<T> {
  const { digest } = await describeStage(services.store, augmentedShards(inputs, epoch));
  try {
    return await withLocalShards(services, digest, signal, work);
  } catch (error) {
    if (!(error instanceof DamagedObject || error instanceof ObjectNotFound)) throw error;
    throw new NightshiftError('ShardsMissing', `the shards of epoch ${epoch + 1} are not whole`, {
      cause: error,
      details: { epoch },
    });
  }
}

async function validate(
  services: ModelServices,
  { inputs, toStep }: TrainStepsInput,
  step: Step,
  trainer: WarmTrainer,
  plan: TrainingPlan,
  onEvent: (event: TrainerEvent) => void,
): Promise<Validation> {
  return withLocalShards(services, inputs.validation, step.signal, async (shards) => {
    const answer = await untilStopped(trainer, step.signal, () =>
      trainer.client.ask({ type: 'evaluate', shards }, onEvent),
    );
    if (answer.type !== 'evaluated') throw new Error(`unexpected answer '${answer.type}'`);
    const { loss, accuracy, top5 } = answer.evaluation;
    return { step: toStep, epoch: Math.ceil(toStep / plan.stepsPerEpoch), loss, accuracy, top5 };
  });
}

/** Heartbeats from the trainer's events. */
function reporter(
  step: Step,
  uploads: Uploads,
  run: string,
  begin: number,
): (event: TrainerEvent) => void {
  let beat: TrainHeartbeat = {
    step: begin,
    loss: 0,
    learningRate: 0,
    imagesPerSecond: 0,
    durableStep: begin,
    phase: 'loading',
  };
  return (event) => {
    const durable = uploads.durable(run);
    beat = {
      ...beat,
      ...(event.type === 'step'
        ? {
            step: event.step,
            loss: event.loss,
            learningRate: event.learningRate,
            imagesPerSecond: event.imagesPerSecond,
            phase: 'training',
          }
        : { phase: event.type === 'saved' ? 'saving' : 'validating' }),
      ...(durable && { durableStep: durable.step, durableAt: durable.at }),
    };
    step.report(beat);
  };
}
