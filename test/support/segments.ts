/** Segments of one run's training on any number of workers, over a trainer that computes nothing. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelServices } from '../../activities/services.ts';
import { describeStage } from '../../activities/stages.ts';
import { trainSteps } from '../../activities/train-steps.ts';
import { checkpointManifestSchema } from '../../contract/manifests.ts';
import type { CheckpointManifest } from '../../contract/manifests.ts';
import type { ConfigInput } from '../../contract/config.ts';
import type { Validation } from '../../contract/progress.ts';
import { augmentedShards, byAccuracy } from '../../contract/stages.ts';
import type { Segment, TrainingInputs } from '../../contract/stages.ts';
import { checkpointAt, manifestKeyOf, stateDigest } from '../../model/checkpoint.ts';
import { readManifest } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { numerics, trainingInputs } from './training-inputs.ts';
import { openTrainingWorker, sealWithoutShards } from './training-worker.ts';
import type { TrainingWorker } from './training-worker.ts';

export interface Segments {
  readonly inputs: TrainingInputs;
  /** A worker that knows only what is in the store, its own view of it when given. */
  newWorker(over?: ObjectStore): Promise<TrainingWorker>;
  run(
    worker: ModelServices,
    reachedStep: number,
    toStep: number,
    validations?: readonly Validation[],
  ): Promise<Segment>;
  /** All that the workers have saved is in the store. */
  settled(): Promise<void>;
  /** The state after so many steps, every byte verified. */
  state(step: number): Promise<CheckpointManifest | undefined>;
  digestOf(step: number): Promise<string>;
  remove(): Promise<void>;
}

/** Ten steps an epoch, two epochs; saved every five steps, validated after ten, unless it is said otherwise. */
export async function openSegments(
  store: ObjectStore = openMemoryStore(),
  training: ConfigInput['training'] = { validateEverySteps: 10, checkpointEverySteps: 10 },
): Promise<Segments> {
  const inputs = trainingInputs({ training: { batchSize: 100, epochs: 2, ...training } });
  const timeline = [{ fromStep: 0, numerics }];
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-segments-'));
  const workers: TrainingWorker[] = [];
  await sealWithoutShards(store, inputs.train);
  await sealWithoutShards(store, inputs.validation);
  for (const epoch of [0, 1]) {
    const { digest } = await describeStage(store, augmentedShards(inputs, epoch));
    await sealWithoutShards(store, digest);
  }
  const state: Segments['state'] = (step) =>
    readManifest(
      store,
      manifestKeyOf(checkpointAt(inputs, timeline, step)),
      checkpointManifestSchema,
      { deep: true },
    );
  return {
    inputs,
    state,
    async newWorker(over = store) {
      const worker = await openTrainingWorker(over, folder);
      workers.push(worker);
      return worker;
    },
    run: (worker, reachedStep, toStep, validations = []) => {
      const best = byAccuracy(validations).slice(0, inputs.config.training.keepCheckpoints.best);
      // The activity's log needs a context to write to.
      return new MockActivityEnvironment().run(
        trainSteps,
        worker,
        {
          ...{ inputs, timeline, validations, best: best.map(({ step }) => step) },
          ...{ reachedStep, seenStep: reachedStep, toStep },
        },
        {
          signal: new AbortController().signal,
          attempt: randomUUID(),
          report: () => undefined,
        },
      );
    },
    async settled() {
      for (const { uploads } of workers) await uploads.settled(inputs.run);
    },
    digestOf: async (step) => stateDigest((await state(step))!),
    remove: () => rm(folder, { recursive: true }),
  };
}
