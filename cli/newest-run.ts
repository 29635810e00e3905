/** The run a command means when it is given none: of those that go on the newest, else the newest of all. */
import { CommandError } from './cli.ts';
import { listRuns } from './run-status.ts';
import type { Runs } from './runs.ts';

export async function newestRun(runs: Runs): Promise<string> {
  const [newest] = await runs.list(1);
  if (!newest) {
    throw new CommandError(
      'There is no run on this server yet; `npx nightshift train` starts one.',
    );
  }
  return newest.id;
}

/** Paused runs are among those that go on, which are listed first. */
const lookedAt = 50;

/** The run that `resume` means: the newest of the paused ones, else as above. */
export async function newestToResume(runs: Runs): Promise<string> {
  const paused = (await listRuns(runs, lookedAt)).find(({ status }) => status === 'paused');
  return paused?.id ?? (await newestRun(runs));
}
