/** `nightshift status`: how far a run is, once. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect, placeOf } from './connect.ts';
import { lookAtRun } from './follow.ts';
import { newestRun } from './newest-run.ts';
import { statusOf } from './run-status.ts';
import { dayAndTime, duration } from './view/format.ts';
import { outcomeLines, pageLine } from './view/outcome.ts';
import { runLines } from './view/run-view.ts';

/** `id`: which run; without it, the newest that goes on, else the newest of all. */
export async function status(
  cli: Cli,
  id: string | undefined,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const run = id ?? (await newestRun(servers.runs));
    const { description, snapshot } = await lookAtRun(servers.runs, run);
    const outcome = description.status === 'running' ? undefined : await servers.runs.outcome(run);
    const { progress } = snapshot;
    const { failureReportKey } = progress ?? {};
    const place = {
      ...placeOf(servers, run, cli.cwd),
      ...(failureReportKey && { failureReportKey }),
    };
    const status = statusOf(description.status, progress);
    if (json) {
      printJson(cli.out, { ...description, status, progress, outcome, page: place.page });
      return exitCodes.ok;
    }
    const took = duration((description.endedAt ?? snapshot.at) - description.startedAt);
    const lines = [
      `Run ${run}: ${status}, started ${dayAndTime(description.startedAt)}, ${took}`,
      ...runLines(snapshot, cli.colors),
      ...(progress?.promotion?.status === 'awaiting approval'
        ? [`\`npx nightshift promote ${run}\` approves it, with --reject it does not.`]
        : []),
      ...(outcome ? outcomeLines(outcome, place, cli.colors) : pageLine(place)),
    ];
    for (const line of lines) printLine(cli.out, line);
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}
