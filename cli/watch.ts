/** `nightshift watch`: shows a run until it has ended; Ctrl-C ends the watching, not the run. */
import { exitCodes, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import type { Servers } from './connect.ts';
import { finish } from './finish.ts';
import { followRun } from './follow.ts';
import { onInterrupt } from './interrupt.ts';
import { newestRun } from './newest-run.ts';
import { openRenderer } from './view/renderer.ts';

/** `id`: which run; without it, the newest that goes on, else the newest of all. */
export async function watch(
  cli: Cli,
  id: string | undefined,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    return await watchOn(cli, servers, id ?? (await newestRun(servers.runs)), json);
  } finally {
    await servers.close();
  }
}

/** The exit code says how the run ended. */
export async function watchOn(
  cli: Cli,
  servers: Servers,
  id: string,
  json: boolean,
): Promise<ExitCode> {
  const renderer = openRenderer(cli, json);
  const interruption = onInterrupt(() => undefined);
  try {
    const outcome = await followRun(servers.runs, id, {
      signal: interruption.signal,
      show: renderer.show,
    });
    renderer.end();
    if (outcome) return finish(cli, servers, id, outcome, json);
    printLine(cli.err, `Run ${id} goes on; \`npx nightshift watch ${id}\` shows it again.`);
    return exitCodes.interrupted;
  } finally {
    interruption.dispose();
  }
}
