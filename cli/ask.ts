/** Questions to a Temporal server, each with a deadline; what it answers wrongly is said in one sentence. */
import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  isGrpcServiceError,
} from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { CommandError } from './cli.ts';

/** A look that takes longer counts as a server that is away; the next look asks again. */
const lookDeadlineMs = 3_000;

/** What is asked once may wait for a server that has just begun. */
export const orderDeadlineMs = 30_000;

/** The server does not answer, or not now: asking again later is right. */
export class ServerAway extends Error {
  constructor(cause: unknown) {
    super('The Temporal server does not answer; try again once it is back.', { cause });
    this.name = 'ServerAway';
  }
}

export class NoSuchRun extends CommandError {
  constructor(id: string) {
    super(`There is no run '${id}' on this server; \`npx nightshift list\` shows those there are.`);
  }
}

/** `id`: of the run that the question is about, for the sentence that says there is none. */
export type Ask = <T>(id: string, question: () => Promise<T>, deadlineMs?: number) => Promise<T>;

/** `closing`: gives up questions under way, which the SDK would otherwise repeat on a closed connection. */
export function askOf(client: Client, closing: AbortSignal): Ask {
  return async (id, question, deadlineMs = lookDeadlineMs) => {
    // A signal for each question: the SDK never takes its listeners off, and a run is looked at for hours.
    const asking = new AbortController();
    const giveUp = (): void => asking.abort();
    closing.addEventListener('abort', giveUp);
    try {
      return await client.withAbortSignal(asking.signal, () =>
        client.withDeadline(Date.now() + deadlineMs, question),
      );
    } catch (error) {
      throw asAnswer(error, id);
    } finally {
      closing.removeEventListener('abort', giveUp);
    }
  };
}

/** Answers of a server that is there: INVALID_ARGUMENT, PERMISSION_DENIED, UNAUTHENTICATED. */
const refusals = new Map([
  [3, 'does not accept the call'],
  [7, 'denies permission'],
  [16, 'does not accept the credentials'],
]);

function asAnswer(error: unknown, id: string): Error {
  if (error instanceof WorkflowNotFoundError) {
    return new NoSuchRun(id);
  }
  if (error instanceof WorkflowUpdateFailedError) {
    return new CommandError(`Run ${id} refuses: ${error.cause?.message ?? error.message}.`);
  }
  const cause = error instanceof Error && error.cause;
  if (!isGrpcServiceError(cause)) return error as Error;
  const refusal = refusals.get(cause.code);
  if (refusal === undefined) return new ServerAway(cause);
  return new CommandError(
    `The Temporal server ${refusal}: ${cause.details}; check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_API_KEY.`,
    undefined,
    error,
  );
}
