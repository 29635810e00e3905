/** A run's end is told to a webhook, where the configuration names one; that it is not heard fails no run. */
import {
  CancellationScope,
  ContinueAsNew,
  isCancellation,
  log,
  workflowInfo,
} from '@temporalio/workflow';
import { configSchema } from '../contract/config.ts';
import { isRecord } from '../contract/problem-lines.ts';
import type { NoChange, RunResult } from '../contract/progress.ts';
import type { WebhookEvent } from '../contract/webhook.ts';
import { telling } from './activities.ts';
import { rootCause } from './progress.ts';
import type { Progress } from './progress.ts';

type Ending = Omit<WebhookEvent, 'run' | 'workflowId'>;

/** Runs `work`, which gives the webhook's address on as soon as it knows it. */
export async function tellingEnd<R extends RunResult | NoChange>(
  progress: Progress,
  work: (tell: (webhook: string | undefined) => void) => Promise<R>,
): Promise<R> {
  const { firstExecutionRunId: run, workflowId } = workflowInfo();
  let webhook: string | undefined;
  const tell = async (ending: Ending): Promise<void> => {
    if (webhook === undefined) return;
    const call = { webhook, event: { run, workflowId, ...ending } as WebhookEvent };
    try {
      await CancellationScope.nonCancellable(() => telling.callWebhook(call));
    } catch (failure) {
      const { message } = rootCause(failure as Error);
      progress.problem(`the webhook was not told of the end: ${message}`);
      log.warn('the webhook was not told of the end', { problem: message });
    }
  };
  let result: R;
  try {
    result = await work((address) => void (webhook = address));
  } catch (failure) {
    // Its next execution goes on.
    if (failure instanceof ContinueAsNew) throw failure;
    await tell(isCancellation(failure) ? { event: 'cancelled' } : failed(progress, failure));
    throw failure;
  }
  await tell({ event: 'noChange' in result ? 'no change' : 'completed', result } as Ending);
  return result;
}

/** The address that `input` gives, if it is one: of a configuration that is refused it hears, too. */
export const webhookOf = (input: unknown): string | undefined =>
  isRecord(input) ? configSchema.shape.webhook.safeParse(input['webhook']).data : undefined;

function failed(progress: Progress, failure: unknown): Ending {
  const stage = progress.stages().find(({ status }) => status === 'failed')?.name ?? null;
  const message = failure instanceof Error ? rootCause(failure).message : String(failure);
  const { failureReportKey: reportKey } = progress.now();
  return { event: 'failed', stage, message, ...(reportKey && { reportKey }) } as Ending;
}
