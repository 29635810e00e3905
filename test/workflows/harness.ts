/** The workflow's code on a real Temporal server, with its workers in this process and the activities that a test gives. */
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuQueue, gpuQueue } from '../../contract/queues.ts';
import type { RunProgress, RunResult } from '../../contract/progress.ts';
import { createSearchAttributes } from '../../workers/search-attributes.ts';
import { progressQuery } from '../../workflows/messages.ts';
import { startTestTemporal } from '../support/servers.ts';
import { fakeActivities } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';

/** Four epochs of three steps, each validated at its end. */
export const training = { batchSize: 20, epochs: 4, validateEverySteps: 3 };

/** Of a run that has ended. */
export interface Ended {
  readonly result: RunResult;
  readonly progress: RunProgress;
  /** Of the last execution. */
  readonly history: History;
  /** Of each execution that went on in another, and of the last. */
  readonly histories: readonly History[];
}

export interface Harness {
  readonly client: Client;
  readonly workflowBundle: WorkflowBundle;
  /** What workers have warned of, in order. */
  readonly warnings: string[];
  /** Runs the pipeline to its end while `meanwhile` does something to it, and replays its history. */
  run(
    own: Partial<Activities>,
    input?: object,
    meanwhile?: (handle: WorkflowHandle) => Promise<unknown>,
  ): Promise<Ended>;
  /** What a run says of itself that has failed or was cancelled. */
  progressOf(workflowId: string): Promise<RunProgress>;
  stop(): Promise<void>;
}

export const bundleWorkflows = (): Promise<WorkflowBundle> =>
  bundleWorkflowCode({
    logger: new DefaultLogger('WARN'),
    workflowsPath: fileURLToPath(import.meta.resolve('../../workflows/index.ts')),
  });

/** What workers of this process have warned of: the failures made here are no news. */
const warnings: string[] = [];

let hasLogger = false;
function installLogger(): void {
  if (hasLogger) return;
  hasLogger = true;
  const logger = new DefaultLogger('WARN', ({ message }) => void warnings.push(message));
  Runtime.install({ logger });
}

/** `address`: of a server that the test has started itself; `dynamicConfig`: of one that it has not. */
export async function openHarness(
  address?: string,
  dynamicConfig?: Readonly<Record<string, number>>,
): Promise<Harness> {
  installLogger();
  const temporal = address === undefined ? await startTestTemporal(dynamicConfig) : undefined;
  const server = { address: address ?? temporal!.address };
  const connection = await NativeConnection.connect(server);
  const client = new Client({ connection: await Connection.connect(server) });
  await createSearchAttributes(connection, 'default');
  const workflowBundle = await bundleWorkflows();
  return {
    client,
    workflowBundle,
    warnings,
    async run(own, input = { training }, meanwhile = async () => undefined) {
      const activities = fakeActivities(own);
      const workers = await Promise.all(
        [cpuQueue, gpuQueue].map((taskQueue) =>
          Worker.create({
            ...{ connection, workflowBundle, activities, taskQueue },
            // A cancellation is heard at the next heartbeat.
            maxHeartbeatThrottleInterval: 100,
          }),
        ),
      );
      const running = workers.map((worker) => worker.run());
      let ended: Promise<unknown> | undefined;
      try {
        const handle = await client.workflow.start('trainingPipeline', {
          workflowId: randomUUID(),
          taskQueue: cpuQueue,
          args: [input],
          workflowExecutionTimeout: '1 minute',
        });
        ended = handle.result();
        const untilBroken = new Promise<never>((_, reject) => void ended!.catch(reject));
        await Promise.race([meanwhile(handle), untilBroken]);
        // A reset makes another execution, which is the run from then on.
        const latest = client.workflow.getHandle(handle.workflowId);
        const result = (await latest.result()) as RunResult;
        const progress = await latest.query(progressQuery);
        const histories = await historiesOf(client, handle);
        const history = histories.at(-1)!;
        for (const one of histories) await Worker.runReplayHistory({ workflowBundle }, one);
        return { result, progress, history, histories };
      } finally {
        // It asks the server again after a pause: not on a connection that is closed by then.
        await ended?.catch(() => undefined);
        for (const worker of workers) worker.shutdown();
        await Promise.all(running);
      }
    },
    async progressOf(workflowId) {
      const worker = await Worker.create({ connection, workflowBundle, taskQueue: cpuQueue });
      return worker.runUntil(client.workflow.getHandle(workflowId).query(progressQuery));
    },
    async stop() {
      await client.connection.close();
      await connection.close();
      await temporal?.stop();
    },
  };
}

/** From the first execution on, as far as each says which is the next; then the latest, which may have been reset. */
async function historiesOf(client: Client, { workflowId }: WorkflowHandle): Promise<History[]> {
  const latest = await client.workflow.getHandle(workflowId).describe();
  const histories: History[] = [];
  let runId = latest.raw.workflowExecutionInfo?.firstRunId ?? latest.runId;
  while (runId && runId !== latest.runId) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const last = history.events!.at(-1)!;
    runId = last.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? '';
    if (runId) histories.push(history);
  }
  return [...histories, await client.workflow.getHandle(workflowId).fetchHistory()];
}

/** Resolves once it holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}
