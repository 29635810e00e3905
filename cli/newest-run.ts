/** The run a command means when it is given none. */
import { CommandError } from './cli.ts';
import type { Runs } from './runs.ts';

/** The id of the newest run that is going on, else of the newest of all. */
export async function newestRun(runs: Runs): Promise<string> {
  const [newest] = await runs.list(1);
  if (!newest) {
    throw new CommandError(
      'There is no run on this server yet; `npx nightshift train` starts one.',
    );
  }
  return newest.id;
}
