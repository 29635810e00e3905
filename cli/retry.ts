/** `nightshift retry`: the stage of a held run that has failed is tried again. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import { newestHeld } from './newest-run.ts';

/** `id`: which run; without it, the newest that is held. */
export async function retry(
  cli: Cli,
  id: string | undefined,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const { runs } = servers;
    const run = id ?? (await newestHeld(runs));
    const { held } = await runs.progress(run);
    await runs.retry(run);
    const stage = held?.stage;
    if (json) printJson(cli.out, { run, retried: stage });
    else {
      printLine(
        cli.out,
        `Run ${run} goes on with the stage ${stage}. Watch it with \`npx nightshift watch ${run}\`.`,
      );
    }
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}
