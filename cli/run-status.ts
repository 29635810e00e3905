/** A run's status as a user knows it: of a pause or a hold Temporal knows nothing, only the run itself. */
import type { RunProgress } from '../contract/progress.ts';
import type { RunSummary, Runs } from './runs.ts';

export type RunStatus = RunSummary['status'] | 'paused' | 'held';

export function statusOf(
  status: RunSummary['status'],
  progress: Pick<RunProgress, 'paused' | 'held'> | undefined,
): RunStatus {
  if (status !== 'running' || !progress) return status;
  return progress.held ? 'held' : progress.paused ? 'paused' : status;
}

export type ListedRun = Omit<RunSummary, 'status'> & { readonly status: RunStatus };

/** The newest runs, those that go on first. One that no worker answers for counts as running. */
export async function listRuns(runs: Runs, limit: number): Promise<ListedRun[]> {
  const summaries = await runs.list(limit);
  return Promise.all(
    summaries.map(async (run) => {
      if (run.status !== 'running') return run;
      const progress = await runs.progress(run.id).catch(() => undefined);
      return { ...run, status: statusOf(run.status, progress) };
    }),
  );
}
