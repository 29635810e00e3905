/** Activities that make nothing, for tests of what the workflow asks for, and when. */
import { resolveConfig } from '../../activities/resolve-config.ts';
import type { DataActivities } from '../../activities/data.ts';
import type { ModelActivities } from '../../activities/model.ts';
import { isValidated, planOf } from '../../contract/plan.ts';
import type { RunResult } from '../../contract/progress.ts';
import type { Segment, TrainStepsInput } from '../../contract/stages.ts';
import { gpuQueue } from '../../contract/queues.ts';
import { digestOf } from '../../data/digest.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { testStep } from '../support/data-services.ts';
import { numerics } from '../support/training-inputs.ts';

export type Activities = DataActivities & ModelActivities;

/** A segment that comes to its end; it has validated, and all is durable. */
export function segmentTo(input: TrainStepsInput, change: Partial<Segment> = {}): Segment {
  const { inputs, toStep: step } = input;
  const plan = planOf(inputs, input.timeline);
  return {
    step,
    checkpoint: { run: inputs.run, lineage: 'lineage', step },
    loadedStep: input.reachedStep === 0 ? 0 : null,
    loss: 2,
    learningRate: 0.001,
    images: 10,
    seconds: 1,
    busySeconds: 1,
    trainerSeconds: 1,
    validation: isValidated(plan, step)
      ? { step, epoch: 1, loss: 2, accuracy: step / 100, top5: 1 }
      : null,
    durableStep: step,
    durableAt: Date.now(),
    workerQueue: gpuQueue,
    ...change,
  };
}

/** Sixty training samples of two classes; each stage has one part. */
export function fakeActivities(own: Partial<Activities>): Activities {
  const digest = '1'.repeat(64);
  const refuse = (): never => {
    throw new Error('nobody asked for it');
  };
  const nothing = async (): Promise<void> => undefined;
  return {
    resolveConfig: (input) => resolveConfig({ store: openMemoryStore() }, input, testStep()),
    ingestDataset: async () => ({ digest, classes: ['cat', 'dog'], samples: 100 }),
    ingestWeights: async () => ({
      digest,
      conventions: { topology: 'slim', pixels: 'minus-one-one' },
      address: '/weights.tar.gz',
      loaded: 270,
      skipped: ['logits/weights'],
      fresh: ['head/kernel', 'head/bias'],
    }),
    remakeWeights: nothing,
    splitDataset: async () => ({
      digest,
      samples: { train: 60, validation: 20, test: 20 },
      note: 'train 60, validation 20, test 20',
    }),
    openStage: async (stage) => ({
      digest: digestOf(stage),
      parts: 1,
      samples: 60,
      sealed: false,
    }),
    writeShard: nothing,
    augmentShard: nothing,
    sealStage: nothing,
    adoptStates: async ({ inputs, validations }) => ({ origin: inputs.origin, validations }),
    keepMilestone: nothing,
    resolveNumerics: async () => numerics,
    trainSteps: async (input) => segmentTo(input),
    handBack: async () => null,
    predictShard: nothing,
    sweepStore: nothing,
    writeReport: async ({ inputs, trained }) =>
      ({
        run: inputs.run,
        steps: trained.steps,
        bestStep: trained.best.step,
        testAccuracy: 0.5,
        testSamples: 20,
        example: { id: 'id', label: 'cat', predicted: 'dog', probability: 0.5 },
        reportKey: 'report',
        notBitEqual: trained.notBitEqual,
        resumes: trained.resumedAt.length,
      }) as unknown as RunResult,
    callWebhook: refuse,
    writeFailure: async ({ progress, execution }) => `${progress.run}/${execution}`,
    findConsidered: async () => null,
    noteConsidered: nothing,
    findChampion: async () => null,
    evaluateGate: refuse,
    promoteByHand: refuse,
    promoteCandidate: refuse,
    rollBackModel: refuse,
    ...own,
  };
}
