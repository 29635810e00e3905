/** What all workers share: the connection, the run until told to stop, the end with the supervisor. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { WorkerOptions, WorkflowBundle } from '@temporalio/worker';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { heartbeatThrottleMs, shutdownGraceMs } from '../contract/timing.ts';
import { createSearchAttributes } from './search-attributes.ts';

/** The options each kind of worker chooses itself. */
type OwnOptions = Pick<WorkerOptions, 'activities' | 'maxConcurrentActivityTaskExecutions'> & {
  /** The module of its workflows. */
  readonly workflowsPath?: string;
  /** Each gets a worker, with slots of its own. */
  readonly taskQueues: readonly string[];
};

/**
 * In a process whose runtime `installTelemetry` has installed: runs workers until SIGTERM or SIGINT, or until the supervisor that started this process is
 * gone. Activities are told at once: all of the grace period is theirs, to save and hand back.
 */
export async function runWorker({
  taskQueues,
  workflowsPath,
  ...options
}: OwnOptions): Promise<void> {
  // Forked, but the supervisor may be gone before anybody listened.
  const endAtOnce = (): never => process.exit(1);
  if (process.send && !process.connected) endAtOnce();
  process.once('disconnect', endAtOnce);
  const bundle =
    workflowsPath === undefined ? {} : { workflowBundle: await bundleOf(workflowsPath) };
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions ?? {});
  try {
    if (workflowsPath !== undefined) await createSearchAttributes(connection, namespace);
    const workers = await Promise.all(
      taskQueues.map((taskQueue) =>
        Worker.create({
          ...options,
          ...bundle,
          taskQueue,
          connection,
          namespace,
          maxHeartbeatThrottleInterval: heartbeatThrottleMs,
          shutdownGraceTime: 0,
          shutdownForceTime: shutdownGraceMs,
        }),
      ),
    );
    const shutDown = (): void => workers.forEach((worker) => worker.shutdown());
    process.off('disconnect', endAtOnce).once('disconnect', shutDown);
    // Listening must not keep a worker alive that has ended.
    process.channel?.unref();
    process.send?.({ type: 'ready' });
    await Promise.all(workers.map((worker) => worker.run()));
  } finally {
    await connection.close();
  }
}

async function bundleOf(workflowsPath: string): Promise<WorkflowBundle> {
  const script = fileURLToPath(import.meta.resolve('./bundle.ts'));
  const child = fork(script, [workflowsPath]);
  const [bundle] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`bundling ${workflowsPath} ended with code ${code}`);
    }),
  ])) as [WorkflowBundle];
  return bundle;
}
