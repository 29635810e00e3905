/** What the command line asks of the registry of models: a short workflow an order. */
import { randomUUID } from 'node:crypto';
import { TimeoutFailure, WorkflowFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { PromoteInput, RollbackInput } from '../contract/models.ts';
import { cpuQueue } from '../contract/queues.ts';
import type { promoteModel, rollbackModel } from '../workflows/models.ts';
import { askOf } from './ask.ts';
import { CommandError, exitCodes } from './cli.ts';
import { outcomeOf } from './runs.ts';

type Promotion = Awaited<ReturnType<typeof promoteModel>>;
type Rollback = Awaited<ReturnType<typeof rollbackModel>>;

/** Each throws `CommandError` when it is refused, or no worker carries it out. */
export interface Registry {
  promote(input: PromoteInput): Promise<Promotion>;
  rollBack(input: RollbackInput): Promise<Rollback>;
}

/** A model of a gigabyte is copied in minutes. */
const orderMinutes = 10;

export function registryOf(client: Client, closing: AbortSignal): Registry {
  const ask = askOf(client, closing);
  const order = <T>(workflowType: string, input: { readonly model: string }): Promise<T> => {
    const workflowId = `${workflowType}-${input.model}-${randomUUID().slice(0, 8)}`;
    const carryOut = async (): Promise<T> => {
      try {
        return (await client.workflow.execute(workflowType, {
          workflowId,
          taskQueue: cpuQueue,
          args: [input],
          // What was given up here must not happen later.
          workflowExecutionTimeout: `${orderMinutes} minutes`,
        })) as T;
      } catch (error) {
        throw error instanceof WorkflowFailedError ? asAnswer(error, workflowId) : error;
      }
    };
    return ask(workflowId, carryOut, (orderMinutes + 1) * 60_000);
  };
  return {
    promote: (input) => order<Promotion>('promoteModel', input),
    rollBack: (input) => order<Rollback>('rollbackModel', input),
  };
}

function asAnswer(error: WorkflowFailedError, id: string): CommandError {
  if (error.cause instanceof TimeoutFailure) {
    return new CommandError(
      `No worker has carried out ${id} within ${orderMinutes} minutes, so it was given up: start workers, and try again.`,
      exitCodes.failed,
      error,
    );
  }
  const outcome = outcomeOf(error);
  if (outcome.status !== 'failed')
    return new CommandError(`${id} was cancelled.`, exitCodes.failed);
  const { type, message, problems } = outcome;
  return new CommandError(
    problems ? problems.join('\n') : `${id} failed: ${type}: ${message}`,
    type === 'InvalidConfig' ? exitCodes.usage : exitCodes.failed,
    error,
  );
}
