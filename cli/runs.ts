/** What the command line asks of Temporal: runs by their id, each call with a deadline. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  defaultPayloadConverter,
} from '@temporalio/client';
import type {
  Client,
  UpdateDefinition,
  WorkflowExecutionDescription,
  WorkflowExecutionInfo,
  WorkflowExecutionStatusName,
  WorkflowHandle,
} from '@temporalio/client';
import type {
  NoChange,
  RunProgress,
  RunResult,
  StoredCheckpoint,
  Validation,
} from '../contract/progress.ts';
import type { PromotionDecision } from '../contract/promotion.ts';
import { cpuQueue } from '../contract/queues.ts';
import {
  approvePromotionUpdate,
  checkpointNowUpdate,
  extendEpochsUpdate,
  pauseUpdate,
  progressQuery,
  rejectPromotionUpdate,
  resumeUpdate,
  retryUpdate,
  setLearningRateUpdate,
  stopAndFinishUpdate,
  validateNowUpdate,
} from '../workflows/messages.ts';
import type { trainingPipeline } from '../workflows/pipeline.ts';
import { ServerAway, askOf, orderDeadlineMs } from './ask.ts';
import { CommandError, exitCodes } from './cli.ts';
import type { RunInput } from './input.ts';

export const workflowType = 'trainingPipeline';

/** A step may take a minute, and its state minutes to upload. */
const handBackMs = 300_000;

export interface RunSummary {
  /** The workflow's id: what a user calls a run by. */
  readonly id: string;
  /** Temporal's id of this execution, for the UI's address. */
  readonly runId: string;
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed out';
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt?: number;
}

/** An activity that has not ended yet. */
export interface PendingActivity {
  readonly type: string;
  readonly attempt: number;
  /** No worker has taken it up yet. */
  readonly waits?: boolean;
  readonly heartbeat?: unknown;
  /** Why the attempt before failed. */
  readonly lastFailure?: string;
}

export interface RunDescription extends RunSummary {
  /** Events so far: unchanged means that the workflow decided nothing since. */
  readonly historyLength: number;
  readonly activities: readonly PendingActivity[];
  /** How often the workflow's own code was tried for what comes next; above 1 it fails, or has no worker. */
  readonly decisionAttempt: number;
}

/** How a run ended. `type` and `problems` are the failure's, as in contract/failures.ts. */
export type Outcome =
  | { readonly status: 'completed'; readonly result: RunResult | NoChange }
  | { readonly status: 'cancelled' }
  | {
      readonly status: 'failed';
      readonly type: string;
      readonly message: string;
      readonly problems?: readonly string[];
    };

/** Runs, as the command line sees them. Every call throws `ServerAway` while the server does not answer. */
export interface Runs {
  /** Starts a run; false when one has this id already, whatever became of it. */
  start(id: string, input: RunInput): Promise<boolean>;
  /** Throws `CommandError` when there is no such run; so do the calls below. */
  describe(id: string): Promise<RunDescription>;
  /** What the run says of itself; needs a worker, so it fails more often than the others. */
  progress(id: string, deadlineMs?: number): Promise<RunProgress>;
  /** What the run was started with. */
  input(id: string): Promise<RunInput>;
  /** How a closed run ended. */
  outcome(id: string): Promise<Outcome>;
  /** Throws `CommandError` when the run has ended; so do the calls below. */
  cancel(id: string): Promise<void>;
  /** Resolves once the state is durable and the GPU free. Throws `CommandError` when the run refuses. */
  pause(id: string): Promise<void>;
  /** Lets a paused run go on. Throws `CommandError` when the run refuses. */
  unpause(id: string): Promise<void>;
  /** Tries the stage again that a held run has failed at. Throws `CommandError` when the run refuses. */
  retry(id: string): Promise<void>;
  /** Resolves once the state that training has reached is stored. Throws `CommandError` when the run refuses. */
  checkpointNow(id: string): Promise<StoredCheckpoint>;
  /** What the state is worth that training has reached. Throws `CommandError` when the run refuses. */
  validateNow(id: string): Promise<Validation>;
  /** Ends training where it is; the run finishes. Throws `CommandError` when the run refuses; so do the next two. */
  stop(id: string): Promise<void>;
  setLearningRate(id: string, rate: number): Promise<void>;
  /** `epochs`: in all. */
  extendEpochs(id: string, epochs: number): Promise<void>;
  /** A person's word on the promotion that a run awaits. Throws `CommandError` when the run refuses. */
  decide(id: string, approved: boolean, decision: PromotionDecision): Promise<void>;
  /** Running ones first, then the newest. */
  list(limit: number): Promise<RunSummary[]>;
}

export function runsOf(client: Client, closing: AbortSignal): Runs {
  const ask = askOf(client, closing);
  const look = (id: string, deadlineMs?: number): Promise<RunDescription> =>
    ask(id, async () => describe(await client.workflow.getHandle(id).describe()), deadlineMs);
  // Temporal takes a cancellation of what has ended for done, and does not find it for an update.
  const refuseEnded = async (id: string): Promise<void> => {
    const { status } = await look(id, orderDeadlineMs);
    if (status !== 'running') throw new CommandError(endedSentence(id, status));
  };
  const update = async <T>(id: string, definition: UpdateDefinition<T>): Promise<T> => {
    await refuseEnded(id);
    const tell = () => client.workflow.getHandle(id).executeUpdate<T, []>(definition);
    return ask(id, tell, handBackMs).catch((error: unknown) => {
      if (!(error instanceof ServerAway)) throw error;
      throw new CommandError(
        `Run ${id} has not answered within ${handBackMs / 60_000} minutes: it will once its step is done and its state stored, see \`npx nightshift status ${id}\`.`,
        exitCodes.failed,
        error,
      );
    });
  };
  /** What is answered at once. */
  const order = async (
    id: string,
    give: (run: WorkflowHandle) => Promise<unknown>,
  ): Promise<void> => {
    await refuseEnded(id);
    await ask(id, () => give(client.workflow.getHandle(id)), orderDeadlineMs);
  };
  return {
    start: (id, input) => {
      const begin = async (): Promise<boolean> => {
        try {
          await client.workflow.start<typeof trainingPipeline>(workflowType, {
            workflowId: id,
            taskQueue: cpuQueue,
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            args: Object.keys(input).length === 0 ? [] : [input],
          });
          return true;
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
          throw error;
        }
      };
      return ask(id, begin, orderDeadlineMs);
    },
    describe: (id) => look(id),
    progress: (id, deadlineMs) =>
      ask(id, () => client.workflow.getHandle(id).query(progressQuery), deadlineMs),
    input: (id) =>
      ask(id, async () => {
        const execution = { workflowId: id };
        // The first event alone: a whole history may be more than one answer holds.
        const { history } = await client.workflowService.getWorkflowExecutionHistory({
          ...{ namespace: client.options.namespace, execution, maximumPageSize: 1 },
        });
        const [input] =
          history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
        return (input && defaultPayloadConverter.fromPayload<RunInput | null>(input)) ?? {};
      }),
    outcome: (id) =>
      ask(id, async () => {
        try {
          const result = await client.workflow.getHandle<typeof trainingPipeline>(id).result();
          return { status: 'completed', result };
        } catch (error) {
          if (error instanceof WorkflowFailedError) return outcomeOf(error);
          throw error;
        }
      }),
    cancel: (id) => order(id, (run) => run.cancel()),
    pause: (id) => update(id, pauseUpdate),
    unpause: (id) => update(id, resumeUpdate),
    retry: (id) => update(id, retryUpdate),
    checkpointNow: (id) => update(id, checkpointNowUpdate),
    validateNow: (id) => update(id, validateNowUpdate),
    stop: (id) => order(id, (run) => run.executeUpdate(stopAndFinishUpdate)),
    setLearningRate: (id, rate) =>
      order(id, (run) => run.executeUpdate(setLearningRateUpdate, { args: [rate] })),
    extendEpochs: (id, epochs) =>
      order(id, (run) => run.executeUpdate(extendEpochsUpdate, { args: [{ epochs }] })),
    decide: (id, approved, decision) => {
      const update = approved ? approvePromotionUpdate : rejectPromotionUpdate;
      return order(id, (run) => run.executeUpdate(update, { args: [decision] }));
    },
    list: (limit) =>
      ask('', async () => {
        const runs: RunSummary[] = [];
        // A run that goes on in another execution has the one before it closed; templates have a queue of their own.
        const query = `WorkflowType = '${workflowType}' AND TaskQueue = '${cpuQueue}' AND ExecutionStatus != 'ContinuedAsNew'`;
        for await (const run of client.workflow.list({ query, pageSize: limit })) {
          if (runs.push(summarize(run)) === limit) break;
        }
        return runs;
      }),
  };
}

function endedSentence(id: string, status: RunSummary['status']): string {
  const goOn =
    status === 'completed' ? '' : `; \`npx nightshift resume ${id}\` goes on with it in a new run`;
  return `Run ${id} has ended (${status}): nothing of it is left to stop or to let go on${goOn}.`;
}

const statuses: Partial<Record<WorkflowExecutionStatusName, RunSummary['status']>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed out',
};

function summarize(run: WorkflowExecutionInfo): RunSummary {
  return {
    id: run.workflowId,
    runId: run.runId,
    status: statuses[run.status.name] ?? 'running',
    // Of a run in its second execution or a later one, when its first began.
    startedAt: Number(run.memo?.['startedAt'] ?? run.startTime.getTime()),
    ...(run.closeTime && { endedAt: run.closeTime.getTime() }),
  };
}

function describe(run: WorkflowExecutionDescription): RunDescription {
  const { pendingActivities, pendingWorkflowTask } = run.raw;
  return {
    ...summarize({ ...run, raw: run.raw.workflowExecutionInfo ?? {} }),
    historyLength: run.historyLength,
    decisionAttempt: pendingWorkflowTask?.attempt ?? 1,
    activities: (pendingActivities ?? []).map((activity) => {
      const details = activity.heartbeatDetails?.payloads?.[0];
      const lastFailure = activity.lastFailure?.message;
      return {
        type: activity.activityType?.name ?? '',
        attempt: activity.attempt ?? 1,
        waits: !activity.lastStartedTime,
        ...(details && { heartbeat: defaultPayloadConverter.fromPayload<unknown>(details) }),
        ...(lastFailure && { lastFailure }),
      };
    }),
  };
}

/** What is below the wrappers of workflow and activity says why. */
export function outcomeOf({ cause }: WorkflowFailedError): Outcome {
  let failure = cause;
  while (failure instanceof ActivityFailure || failure instanceof ChildWorkflowFailure) {
    failure = failure.cause;
  }
  if (failure instanceof CancelledFailure) return { status: 'cancelled' };
  const message = failure?.message ?? 'no reason was given';
  if (failure instanceof TerminatedFailure)
    return { status: 'failed', type: 'Terminated', message };
  if (!(failure instanceof ApplicationFailure)) {
    return { status: 'failed', type: failure?.name ?? 'Unexpected', message };
  }
  const details = failure.details?.[0] as { problems?: readonly string[] } | undefined;
  return {
    status: 'failed',
    type: failure.type ?? 'Unexpected',
    message,
    ...(details?.problems && { problems: details.problems }),
  };
}
