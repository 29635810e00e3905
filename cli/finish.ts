/** The end of a command that saw a run through: its outcome in print, and the exit code for it. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { placeOf } from './connect.ts';
import type { Servers } from './connect.ts';
import type { Outcome } from './runs.ts';
import { outcomeLines } from './view/outcome.ts';

export function finish(
  { out, cwd, colors }: Cli,
  servers: Pick<Servers, 'uiAddress' | 'namespace' | 'objects'>,
  id: string,
  outcome: Outcome,
  json: boolean,
): ExitCode {
  const place = placeOf(servers, id, cwd);
  if (json) {
    printJson(out, { run: id, ...outcome, page: place.page });
  } else {
    for (const line of ['', ...outcomeLines(outcome, place, colors)]) printLine(out, line);
  }
  if (outcome.status === 'completed') return exitCodes.ok;
  return outcome.status === 'failed' && outcome.type === 'InvalidConfig'
    ? exitCodes.usage
    : exitCodes.failed;
}
