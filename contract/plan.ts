/** From samples to shards, from epochs to steps, to the next milestone. Pure arithmetic. */
import type { TrainingInputs } from './stages.ts';
import { decided } from './timeline.ts';
import type { Decision } from './timeline.ts';

/** One shard of a plan: `count` records from record `first` on. */
export interface PlannedShard {
  readonly index: number;
  readonly first: number;
  readonly count: number;
}

/** A window of the training order has so many to mix twice over, and several workers have some each. */
const shardsWanted = 16;
/** But smaller ones than this cost more than they bring. */
const leastShardBytes = 8 * 1024 * 1024;

/** The bound of a shard in a set of `bytes`: `most`, and less in sets that would not make enough shards. */
export function shardBytesIn(bytes: number, most: number): number {
  return Math.min(most, Math.max(leastShardBytes, Math.ceil(bytes / shardsWanted)));
}

/** Cuts `samples` records of `bytesPerSample` bytes into equal shards of at most `shardBytes` (and at least one record). */
export function planShards(
  samples: number,
  bytesPerSample: number,
  shardBytes: number,
): PlannedShard[] {
  const most = Math.max(1, Math.floor(shardBytes / bytesPerSample));
  const shards = Math.ceil(samples / most);
  return Array.from({ length: shards }, (_, index) => {
    const first = Math.floor((index * samples) / shards);
    const next = Math.floor(((index + 1) * samples) / shards);
    return { index, first, count: next - first };
  });
}

/** So many activities make a stage at most: enough for dozens of workers, few enough for a history. */
export const mostPages = 64;

/** The parts of a stage as activities make them: each by one, or so many by each that no stage has more of them than `most`. */
export function partPages(
  parts: number,
  most: number = mostPages,
): { readonly part: number; readonly parts: number }[] {
  const pages = Math.min(parts, most);
  return Array.from({ length: pages }, (_, page) => {
    const part = Math.floor((page * parts) / pages);
    return { part, parts: Math.floor(((page + 1) * parts) / pages) - part };
  });
}

/** The training of a run in steps. The last batch of an epoch is smaller: each sample comes once an epoch. */
export interface TrainingPlan {
  readonly samples: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** All of these epochs, or fewer where training was stopped. */
  readonly steps: number;
  readonly validateEverySteps: number;
}

export function planTraining(
  samples: number,
  training: {
    readonly batchSize: number;
    readonly epochs: number;
    readonly validateEverySteps: number;
  },
): TrainingPlan {
  const stepsPerEpoch = Math.ceil(samples / training.batchSize);
  return {
    samples,
    batchSize: training.batchSize,
    epochs: training.epochs,
    stepsPerEpoch,
    steps: stepsPerEpoch * training.epochs,
    validateEverySteps: training.validateEverySteps,
  };
}

/** The plan by the decisions taken so far: extended, and ending where training was stopped. */
export function planOf(
  { samples, config }: Pick<TrainingInputs, 'samples' | 'config'>,
  timeline: readonly Decision[],
): TrainingPlan {
  const { training } = config;
  const epochs = decided(timeline, 'epochs', Infinity) ?? training.epochs;
  const plan = planTraining(samples, { ...training, epochs });
  const stop = timeline.find((decision) => decision.stop !== undefined);
  return stop ? { ...plan, steps: stop.fromStep } : plan;
}

/** Where step `step` (counted from 0) stands: its epoch, and its first record in the epoch's order. */
export function position(
  plan: TrainingPlan,
  step: number,
): { epoch: number; sampleInEpoch: number } {
  const epoch = Math.floor(step / plan.stepsPerEpoch);
  return { epoch, sampleInEpoch: (step % plan.stepsPerEpoch) * plan.batchSize };
}

/** The next state worth stopping at after `step`: a validation, an epoch's end, or the run's end. */
export function nextMilestone(plan: TrainingPlan, step: number): number {
  const validation = (Math.floor(step / plan.validateEverySteps) + 1) * plan.validateEverySteps;
  const epochEnd = (Math.floor(step / plan.stepsPerEpoch) + 1) * plan.stepsPerEpoch;
  return Math.min(validation, epochEnd, plan.steps);
}

/** Whether the state after `step` steps is validated. */
export function isValidated(plan: TrainingPlan, step: number): boolean {
  return step === plan.steps || step % plan.validateEverySteps === 0;
}
