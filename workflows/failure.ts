/** A run that fails leaves a page that says where and why; that it can't be written changes nothing about the failure. */
import { ContinueAsNew, isCancellation, log, workflowInfo } from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import { telling } from './activities.ts';
import { rootCause } from './progress.ts';
import type { Progress } from './progress.ts';

/** Runs `work`, which gives the configuration on as soon as it knows it: before that, there is nothing to tell beside the failure itself. */
export async function explainingFailure<T>(
  progress: Progress,
  work: (note: (config: Config) => void) => Promise<T>,
): Promise<T> {
  const { workflowId, runId: execution } = workflowInfo();
  let config: Config | undefined;
  try {
    return await work((known) => void (config = known));
  } catch (failure) {
    const isOver = isCancellation(failure) || failure instanceof ContinueAsNew;
    if (config && !isOver) {
      const { message } = rootCause(failure as Error);
      try {
        const failed = { workflowId, execution, progress: progress.now(), config, message };
        progress.explained(await telling.writeFailure(failed));
      } catch (problem) {
        const why = rootCause(problem as Error).message;
        log.warn('no report of the failure was written', { problem: why });
        progress.problem(`no report of the failure was written: ${why}`);
      }
    }
    throw failure;
  }
}
