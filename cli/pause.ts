/** `nightshift pause` and `nightshift cancel`: the state is saved and stored, the GPU is free. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import { newestRun } from './newest-run.ts';

/** `id`: which run; without it, the newest that goes on. */
export async function stopRun(
  cli: Cli,
  how: 'pause' | 'cancel',
  id: string | undefined,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const run = id ?? (await newestRun(servers.runs));
    if (how === 'pause') await servers.runs.pause(run);
    else await servers.runs.cancel(run);
    if (json) printJson(cli.out, { run, [how === 'pause' ? 'paused' : 'cancelled']: true });
    else {
      const state =
        how === 'pause'
          ? 'is paused: its state is stored, its GPU free'
          : 'is being cancelled: its state is stored first';
      printLine(cli.out, `Run ${run} ${state}. \`npx nightshift resume ${run}\` goes on with it.`);
    }
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}
