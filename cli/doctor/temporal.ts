/** Temporal: whether the server answers, the namespace is there, and workers ask for work. */
import { isGrpcServiceError } from '@temporalio/client';
import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { cpuQueue, gpuQueue } from '../../contract/queues.ts';
import { openConnection } from '../connect.ts';
import { broken, doubtful, fine, reasonOf } from './finding.ts';
import type { Finding } from './finding.ts';
import type { Target } from './target.ts';

/** A worker asks again at least once a minute; Temporal names it for five. */
const askedWithinMs = 70_000;
const answerWithinMs = 10_000;

export async function* temporalFindings({
  own,
  temporal,
  namespace,
}: NonNullable<Target['servers']>): AsyncGenerator<Finding> {
  let connection: Connection;
  try {
    connection = await openConnection(temporal);
  } catch (error) {
    yield (
      refusal('temporal', error) ??
      broken(
        'temporal',
        `no server answers at ${temporal.address} (${reasonOf(error)})`,
        own
          ? 'press Ctrl-C where this clone runs, and run `npm run dev` again'
          : 'check that it runs, TEMPORAL_ADDRESS and the TEMPORAL_TLS_ variables',
      )
    );
    return;
  }
  try {
    const findings = await connection.withDeadline(Date.now() + answerWithinMs, () =>
      lookAt(connection, { own, temporal, namespace }),
    );
    yield* findings;
  } finally {
    await connection.close();
  }
}

async function lookAt(
  connection: Connection,
  { own, temporal, namespace }: NonNullable<Target['servers']>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { workflowService } = connection;
  try {
    const { serverVersion } = await workflowService.getSystemInfo({});
    findings.push(fine('temporal', `server ${serverVersion} answers at ${temporal.address}`));
    await workflowService.describeNamespace({ namespace });
    findings.push(fine('namespace', namespace));
    for (const queue of [cpuQueue, gpuQueue]) {
      findings.push(workersFinding(queue, await workersOf(connection, namespace, queue), own));
    }
  } catch (error) {
    findings.push(
      isNotFound(error)
        ? broken(
            'namespace',
            `there is no namespace '${namespace}'`,
            `set TEMPORAL_NAMESPACE to one that there is, or run \`temporal operator namespace create --namespace ${namespace}\``,
          )
        : (refusal('namespace', error) ??
            broken('namespace', reasonOf(error), 'look at the log of the Temporal server')),
    );
  }
  return findings;
}

/** Who has lately asked for activities. */
async function workersOf(
  { workflowService }: Connection,
  namespace: string,
  name: string,
): Promise<number> {
  const taskQueueType = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY;
  const { pollers } = await workflowService.describeTaskQueue({
    ...{ namespace, taskQueue: { name }, taskQueueType },
  });
  const lately = (pollers ?? []).filter(
    ({ lastAccessTime }) =>
      Number(lastAccessTime?.seconds ?? 0) * 1000 > Date.now() - askedWithinMs,
  );
  return new Set(lately.map(({ identity }) => identity)).size;
}

export function workersFinding(queue: string, workers: number, own: boolean): Finding {
  const check = `${queue} workers`;
  if (workers > 0) return fine(check, `${workers} of task queue ${queue}`);
  return doubtful(
    check,
    `none asks for work on task queue ${queue}: runs wait`,
    own
      ? `.nightshift/logs/worker-${queue}.log says why it does not run`
      : `run workers/${queue}.ts with these variables`,
  );
}

/** NOT_FOUND; PERMISSION_DENIED and UNAUTHENTICATED. */
const [notFound, refusals] = [new Set<number>([5]), new Set<number>([7, 16])];

const isNotFound = (error: unknown): boolean =>
  isGrpcServiceError(error) && notFound.has(error.code);

/** Undefined for any other error. */
function refusal(check: string, error: unknown): Finding | undefined {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  if (!isGrpcServiceError(cause) || !refusals.has(cause.code)) return undefined;
  return broken(
    check,
    `the server does not accept the credentials (${cause.details})`,
    'check TEMPORAL_API_KEY, the TEMPORAL_TLS_ variables and TEMPORAL_NAMESPACE',
  );
}
