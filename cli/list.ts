/** `nightshift list`: the runs of a server, running ones first. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import { listRuns } from './run-status.ts';
import type { ListedRun } from './run-status.ts';
import { dayAndTime, duration } from './view/format.ts';
import { columns } from './view/table.ts';

export async function list(
  cli: Cli,
  { json = false, limit }: { readonly json?: boolean; readonly limit: number },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const runs = await listRuns(servers.runs, limit);
    if (json) printJson(cli.out, runs);
    else for (const line of runTable(runs, Date.now())) printLine(cli.out, line);
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

/** A line a run, in columns. */
export function runTable(runs: readonly ListedRun[], now: number): string[] {
  if (runs.length === 0) return ['There is no run yet; `npx nightshift train` starts one.'];
  return columns([
    ['RUN', 'STATUS', 'STARTED', 'TOOK'],
    ...runs.map(({ id, status, startedAt, endedAt }) => [
      id,
      status,
      dayAndTime(startedAt),
      duration((endedAt ?? now) - startedAt),
    ]),
  ]);
}
