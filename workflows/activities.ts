/** Every activity as the workflows call it: its queue, its timeouts and its retries, each with the reason. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { RetryPolicy } from '@temporalio/workflow';
import type { DataActivities } from '../activities/data.ts';
import type { ModelActivities } from '../activities/model.ts';
import { gpuQueue } from '../contract/queues.ts';
import { heartbeatTimeoutMs } from '../contract/timing.ts';

/**
 * Data activities are idempotent by their output key: retried until the store or the source is
 * back. Which failures end a stage, and after how many tries, each failure says itself.
 */
const retry: RetryPolicy = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
};

/** Steps that read and write small objects; a state to go on from is read whole, a gigabyte in ten minutes at 2 MB/s. */
export const quick = proxyActivities<
  Pick<
    DataActivities,
    'resolveConfig' | 'keepMilestone' | 'findConsidered' | 'noteConsidered' | 'findChampion'
  >
>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: heartbeatTimeoutMs,
  retry,
});

/** Steps that move or make data: a download may take hours, a silent worker is noticed in seconds. */
export const data = proxyActivities<
  Pick<
    DataActivities,
    | 'ingestDataset'
    | 'ingestWeights'
    | 'remakeWeights'
    | 'splitDataset'
    | 'adoptStates'
    | 'openStage'
    | 'writeShard'
    | 'augmentShard'
    | 'sealStage'
    | 'writeReport'
    | 'evaluateGate'
    | 'promoteByHand'
    | 'promoteCandidate'
    | 'rollBackModel'
  >
>({ startToCloseTimeout: '6 hours', heartbeatTimeout: heartbeatTimeoutMs, retry });

/** What no run needs is tried once, and for an hour at most: the next run does it too. */
export const housekeeping = proxyActivities<Pick<DataActivities, 'sweepStore'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: heartbeatTimeoutMs,
  retry: { maximumAttempts: 1 },
});

/** A receiver, or a store, that is away for longer than so many minutes is not told: the run is to end. */
export const telling = proxyActivities<Pick<DataActivities, 'callWebhook' | 'writeFailure'>>({
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '15 minutes',
  heartbeatTimeout: heartbeatTimeoutMs,
  retry,
});

/**
 * Training is tried once: the workflow loops, since after a failure it may have to ask for another
 * worker, make shards again or take a decision first. Cancelled, it is waited for: it saves. A slice
 * (`training.sliceSeconds`) is a day at most, and loading, validating and saving have an hour more.
 */
export const training = proxyActivities<Pick<ModelActivities, 'trainSteps'>>({
  taskQueue: gpuQueue,
  startToCloseTimeout: '25 hours',
  heartbeatTimeout: heartbeatTimeoutMs,
  retry: { maximumAttempts: 1 },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** What a worker holds it gives back once the store takes it; one that is gone does not begin. */
export const holding = proxyActivities<Pick<ModelActivities, 'handBack'>>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: heartbeatTimeoutMs,
  retry,
});

/** Other model activities do not build on one another: retried like data. */
export const model = proxyActivities<Pick<ModelActivities, 'resolveNumerics' | 'predictShard'>>({
  taskQueue: gpuQueue,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: heartbeatTimeoutMs,
  retry,
});

/** Asks one worker: waits longer than one that lives takes to begin; one that is gone costs so much once. */
export const onWorker = (taskQueue: string) =>
  ({ taskQueue, scheduleToStartTimeout: '5 seconds' }) as const;
