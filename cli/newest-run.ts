/** The run a command means when it is given none: of those that go on the newest, else the newest of all. */
import { CommandError } from './cli.ts';
import { listRuns } from './run-status.ts';
import type { RunStatus } from './run-status.ts';
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

/** Paused and held runs are among those that go on, which are listed first. */
const lookedAt = 50;

/** The run that `resume` means: the newest of the paused ones, else as above. */
export async function newestToResume(runs: Runs): Promise<string> {
  return (await newestThatIs('paused', runs)) ?? (await newestRun(runs));
}

/** The run that `retry` means. */
export async function newestHeld(runs: Runs): Promise<string> {
  const held = await newestThatIs('held', runs);
  if (held !== undefined) return held;
  throw new CommandError(
    'No run is held on this server: only one with `onFailure=hold` waits where a stage has failed. `npx nightshift resume <run>` goes on with one that has ended.',
  );
}

async function newestThatIs(status: RunStatus, runs: Runs): Promise<string | undefined> {
  return (await listRuns(runs, lookedAt)).find((run) => run.status === status)?.id;
}
