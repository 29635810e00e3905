/** Leaves a page in the store that says where a run has failed, and why. */
import { failureReportKey } from '../contract/keys.ts';
import { renderFailure } from '../report/failure-report.ts';
import type { FailureInput } from '../report/failure-report.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';

export interface FailedRun extends FailureInput {
  /** The execution that failed: one that is reset may fail again. */
  readonly execution: string;
}

/** Returns the page's key. */
export async function writeFailure(
  { store }: Pick<DataServices, 'store'>,
  { execution, ...failure }: FailedRun,
  { signal }: Pick<Step, 'signal'>,
): Promise<string> {
  const key = failureReportKey(failure.progress.run, execution);
  await store.put(key, Buffer.from(await renderFailure(failure)), { signal });
  return key;
}
