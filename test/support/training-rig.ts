/** The real activities of training over a trainer that computes nothing: for what a run stores and goes on from. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adoptStates } from '../../activities/adopt-states.ts';
import { durable } from '../../activities/durable.ts';
import { keepMilestone } from '../../activities/keep-milestone.ts';
import { resolveConfig } from '../../activities/resolve-config.ts';
import { describeStage } from '../../activities/stages.ts';
import { trainSteps } from '../../activities/train-steps.ts';
import { digestOf } from '../../data/digest.ts';
import { readCheckpoint, stateDigest } from '../../model/checkpoint.ts';
import { weightsOf } from '../../model/model-versions.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { fakeActivities } from '../workflows/fake-activities.ts';
import type { Activities } from '../workflows/fake-activities.ts';
import { openTrainingWorker, sealWithoutShards } from './training-worker.ts';
import type { TrainingWorker } from './training-worker.ts';

export interface TrainingRig {
  readonly store: ObjectStore;
  /** For the workflow; data stages are sealed without any file. */
  readonly activities: Partial<Activities>;
  /** All that the worker has saved is in the store. */
  settled(run: string): Promise<void>;
  /** Another worker, which knows only what is in the store; the next segment is its. */
  newWorker(): Promise<TrainingWorker>;
  remove(): Promise<void>;
}

export async function openTrainingRig(store = openMemoryStore()): Promise<TrainingRig> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-rig-'));
  const newWorker = async (): Promise<TrainingWorker> =>
    (services = await openTrainingWorker(store, folder));
  let services: TrainingWorker;
  await newWorker();

  const usual = fakeActivities({});
  return {
    store,
    newWorker,
    settled: (run) => services.uploads.settled(run),
    activities: {
      resolveConfig: (input) => durable((step) => resolveConfig({ store }, input, step)),
      adoptStates: (input) => durable((step) => adoptStates(services, input, step)),
      keepMilestone: (input) => durable((step) => keepMilestone({ store }, input, step)),
      trainSteps: (input) => durable((step) => trainSteps(services, input, step)),
      predictShard: ({ stage }) =>
        durable(async () => void (await weightsOf(store, stage.checkpoint))),
      async sealStage(stage) {
        if (stage.kind === 'predictions') return;
        const isBase = stage.kind === 'base';
        const digest = isBase ? digestOf(stage) : (await describeStage(store, stage)).digest;
        await sealWithoutShards(store, digest);
      },
      writeReport: (request) =>
        durable(async () => {
          const { best, last } = request.trained;
          return {
            ...(await usual.writeReport(request)),
            modelDigest: stateDigest(await readCheckpoint(store, best.checkpoint)),
            finalDigest: stateDigest(await readCheckpoint(store, last)),
          };
        }),
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
