/** What is known of a run at one moment: all that a view needs. */
import type { RunProgress, TrainHeartbeat, Validation } from '../../contract/progress.ts';
import type { PendingActivity } from '../runs.ts';

export interface RunSnapshot {
  /** Now, in epoch milliseconds. */
  readonly at: number;
  /** Absent until a worker has answered for the first time. */
  readonly progress?: RunProgress;
  /** What the run waits for, as the server tells it. */
  readonly activities: readonly PendingActivity[];
  /** How often the workflow's own code was tried for what comes next. */
  readonly decisionAttempt: number;
  /**
   * The step that a heartbeat last told of: further than the progress may be, which is asked for
   * after the segment has ended. Absent once a problem has come up since.
   */
  readonly seenStep?: number;
  /** Since when the Temporal server has not answered; absent while it does. */
  readonly awaySince?: number;
}

/** Training between two milestones: what the workflow knows, brought up to date by the heartbeat. */
export interface TrainingNow {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly phase?: TrainHeartbeat['phase'] | 'waiting for a gpu worker' | 'the trainer starts';
  readonly imagesPerSecond?: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly etaMs?: number;
  readonly lastValidation?: Validation;
  readonly best?: Validation;
  readonly durableStep: number;
  readonly durableAt?: number;
  readonly resumes: number;
  readonly hardware?: string;
}

/** Undefined before training. */
export function trainingNow({
  progress,
  activities,
  seenStep = 0,
}: RunSnapshot): TrainingNow | undefined {
  const training = progress?.training;
  if (!training) return undefined;
  const { steps, epochs, stepsPerEpoch, batchSize, best, resumes, hardware } = training;
  const segment = segmentOf(activities);
  const heartbeat = segment?.heartbeat as TrainHeartbeat | undefined;
  const step = heartbeat?.step ?? Math.max(training.step, seenStep);
  // Before its first step a trainer has no speed and no loss to tell.
  const live = heartbeat && heartbeat.imagesPerSecond > 0 ? heartbeat : undefined;
  const { loss } = live ?? training;
  const imagesPerSecond = progress.paused ? undefined : (live ?? training).imagesPerSecond;
  const durable = heartbeat && heartbeat.durableStep > training.durableStep ? heartbeat : training;
  const lastValidation = training.validations.at(-1);
  return {
    step,
    steps,
    epoch: Math.min(epochs, Math.floor(step / stepsPerEpoch) + 1),
    epochs,
    durableStep: durable.durableStep,
    resumes,
    ...(durable.durableAt !== undefined && { durableAt: durable.durableAt }),
    ...(heartbeat && { phase: heartbeat.phase }),
    // It loads TensorFlow and builds the network: for some seconds it has nothing to tell.
    ...(segment &&
      !heartbeat &&
      training.imagesPerSecond === undefined && { phase: 'the trainer starts' as const }),
    // All are down, or busy with other runs.
    ...(segment?.waits && { phase: 'waiting for a gpu worker' as const }),
    ...(imagesPerSecond && { imagesPerSecond }),
    ...(imagesPerSecond &&
      !segment?.waits && { etaMs: (1000 * (steps - step) * batchSize) / imagesPerSecond }),
    ...(loss !== undefined && { loss }),
    ...(live && { learningRate: live.learningRate }),
    ...(lastValidation && { lastValidation }),
    ...(best && { best }),
    ...(hardware && { hardware }),
  };
}

/** How far the trainer says it is; undefined while none trains. */
export const heartbeatStep = (activities: RunSnapshot['activities']): number | undefined =>
  (segmentOf(activities)?.heartbeat as TrainHeartbeat | undefined)?.step;

const segmentOf = (activities: RunSnapshot['activities']): PendingActivity | undefined =>
  activities.find(({ type }) => type === 'trainSteps');

/** Which run this one goes on from, in one sentence. */
export function takeoverSentence({
  run,
  step,
  changes,
}: NonNullable<RunProgress['resumed']>): string {
  const from = step === 0 ? 'which had no checkpoint: all begins anew' : `from step ${step}`;
  return `goes on with run ${run}, ${from}${changes.length > 0 ? `; ${changes.join(', ')}` : ''}`;
}

/** A download as the heartbeat of `ingestDataset` tells it: bytes so far, and in all where known. */
export interface DownloadNow {
  readonly bytes: number;
  readonly total?: number;
}

/** Undefined while nothing is downloaded. */
export function downloadNow({ activities }: RunSnapshot): DownloadNow | undefined {
  const heartbeat = activities.find(({ type }) => type === 'ingestDataset')?.heartbeat;
  const isDownload =
    typeof heartbeat === 'object' &&
    heartbeat !== null &&
    'bytes' in heartbeat &&
    typeof heartbeat.bytes === 'number';
  return isDownload ? (heartbeat as DownloadNow) : undefined;
}

/** A decision that fails this often is no worker's restart. */
const manyAttempts = 4;

/** What is tried again, or does not become durable, and why, in one line; undefined when all goes well. */
export function troubleNow({ activities, decisionAttempt }: RunSnapshot): string | undefined {
  if (decisionAttempt >= manyAttempts) {
    return "the workflow's own code fails again and again: its history in the Temporal UI says why";
  }
  const retried = activities.find(({ attempt, lastFailure }) => attempt > 1 && lastFailure);
  if (retried) {
    return `${retried.type} failed and is tried again (attempt ${retried.attempt}): ${retried.lastFailure}`;
  }
  return (segmentOf(activities)?.heartbeat as TrainHeartbeat | undefined)?.alarm;
}
