/**
 * The one way back into a run, whatever broke: the trainer's own state when it lies on the way,
 * else the newest usable checkpoint of the run's lineage, else the state it began from.
 */
import { log } from '@temporalio/activity';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NightshiftError } from '../contract/failures.ts';
import { stageManifestKey } from '../contract/keys.ts';
import { weightsManifestSchema } from '../contract/manifests.ts';
import type { CheckpointManifest } from '../contract/manifests.ts';
import type { CheckpointReference, TrainStepsInput } from '../contract/stages.ts';
import { decisionsBefore } from '../contract/timeline.ts';
import { digestOf } from '../data/digest.ts';
import { adoptCheckpoint, checkpointsDownFrom, fetchBundle } from '../model/checkpoint.ts';
import type { CheckpointContext } from '../model/checkpoint.ts';
import { DamagedObject, ObjectNotFound } from '../storage/store.ts';
import type { Step } from './durable.ts';
import { contextOf } from './saved-states.ts';
import type { Begin } from './saved-states.ts';
import type { ModelServices } from './services.ts';
import { required } from './stages.ts';
import type { WarmTrainer } from './trainer-host.ts';

/** Names a state by all that it depends on. */
export function stateKeyOf(
  { inputs, timeline }: Pick<TrainStepsInput, 'inputs' | 'timeline'>,
  step: number,
): string {
  return digestOf({ inputs, timeline: decisionsBefore(timeline, step), step });
}

/** Gives the trainer its state, and says which; throws `InvalidData` when that of another run is gone. */
export async function resumeState(
  services: ModelServices,
  input: TrainStepsInput,
  step: Step,
  trainer: WarmTrainer,
): Promise<Begin> {
  const { inputs, reachedStep, seenStep, toStep } = input;
  if (reachedStep < toStep && trainer.stateKey === stateKeyOf(input, reachedStep)) {
    return { step: reachedStep, warm: true, loadedStep: trainer.loadedStep! };
  }
  // What this worker saved before is newer than what the store has.
  await services.uploads.settled(inputs.run);
  const startedAt = performance.now();
  await trainer.leave?.();
  trainer.leave = undefined;
  trainer.stateKey = undefined;
  const found = await loadNewestState(services, input, step.signal, trainer);
  step.signal.throwIfAborted();
  if (found) {
    trainer.stateKey = stateKeyOf(input, found.step);
    const lost = Math.max(0, seenStep - found.step);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    log.info(
      `resumed at step ${found.step} of run ${inputs.run}, ${lost} steps lost, ${seconds} s`,
      { run: inputs.run, step: found.step },
    );
    return loaded(trainer, found.step);
  }
  if (seenStep > 0) {
    const problem = 'no usable checkpoint, begins again at step 0';
    log.warn(`run ${inputs.run}: ${problem}, ${seenStep} steps lost`, { run: inputs.run, step: 0 });
  }
  await loadInitialState(services, input, trainer);
  return loaded(trainer, 0);
}

function loaded(trainer: WarmTrainer, step: number): Begin {
  trainer.loadedStep = step;
  return { step, warm: false, loadedStep: step };
}

/** What a run has from before the state that it goes on from is worth loading only on the way to such a state. */
async function loadNewestState(
  services: ModelServices,
  input: TrainStepsInput,
  signal: AbortSignal,
  trainer: WarmTrainer,
): Promise<CheckpointManifest | undefined> {
  const { origin, forkedFrom } = input.inputs;
  if (origin && origin.step <= input.toStep) {
    return (
      (await loadNewestCheckpoint(services, input, signal, trainer, origin.step)) ??
      (await loadOrigin(services, contextOf(input), origin, trainer))
    );
  }
  const found = await loadNewestCheckpoint(services, input, signal, trainer);
  if (found || !forkedFrom) return found;
  throw new NightshiftError(
    'InvalidData',
    `run ${input.inputs.run}: nothing leads to the state after step ${input.toStep}: its settings hold from step ${forkedFrom.step} on`,
  );
}

async function loadNewestCheckpoint(
  { store, scratch }: ModelServices,
  { inputs, timeline, toStep }: TrainStepsInput,
  signal: AbortSignal,
  trainer: WarmTrainer,
  fromStep = 0,
): Promise<CheckpointManifest | undefined> {
  const warn = ({ step }: CheckpointReference, { message }: Error): void =>
    log.warn(`checkpoint of step ${step} can't be used, an older one must do: ${message}`, {
      ...{ run: inputs.run, step },
    });
  const candidates = checkpointsDownFrom(store, inputs, timeline, toStep, warn, { signal });
  for await (const manifest of candidates) {
    if (manifest.step < fromStep) return undefined;
    try {
      await inFolder(scratch, async (folder) =>
        loadBundle(trainer, await fetchBundle(store, manifest, folder, { signal })),
      );
      return manifest;
    } catch (error) {
      if (!isGone(error)) throw error;
      warn(manifest, error);
    }
  }
  return undefined;
}

/** The state of another run that this one goes on from. */
async function loadOrigin(
  { store, scratch }: ModelServices,
  context: CheckpointContext,
  origin: CheckpointReference,
  trainer: WarmTrainer,
): Promise<CheckpointManifest> {
  try {
    return await inFolder(scratch, async (folder) => {
      const adopted = await adoptCheckpoint(store, context, origin, folder);
      await loadBundle(trainer, await fetchBundle(store, adopted, folder));
      return adopted;
    });
  } catch (error) {
    if (!isGone(error)) throw error;
    throw new NightshiftError(
      'InvalidData',
      `resumeFrom: the state after step ${origin.step} of run ${origin.run} can't be used any more: give an earlier step of it`,
      { cause: error },
    );
  }
}

const isGone = (error: unknown): error is DamagedObject | ObjectNotFound =>
  error instanceof DamagedObject || error instanceof ObjectNotFound;

async function loadBundle({ client }: WarmTrainer, prefix: string): Promise<void> {
  await client.ask({ type: 'load', source: { kind: 'checkpoint', prefix } });
}

async function inFolder<T>(scratch: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(scratch, 'restore-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

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
  const key = stageManifestKey(inputs.weights.digest);
  const { files } = await required(store, key, weightsManifestSchema);
  const file = await cache.fetch(files[0]!, store);
  try {
    await client.ask({ type: 'load', source: { kind: 'initial', seed, weights: file.path } });
  } finally {
    await file.release();
  }
}
