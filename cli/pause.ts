/** `nightshift pause`, `stop` and `cancel`: the state is saved and stored; the run waits, finishes or ends. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import type { Servers } from './connect.ts';
import { lookAtRun } from './follow.ts';
import { newestRun } from './newest-run.ts';
import { pausedSentence } from './view/run-view.ts';

/** `id`: which run; without it, the newest that goes on. */
export async function stopRun(
  cli: Cli,
  how: keyof typeof ways,
  id: string | undefined,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const run = id ?? (await newestRun(servers.runs));
    await ways[how](cli, servers, run, json);
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

async function pause({ out }: Cli, { runs }: Servers, run: string, json: boolean): Promise<void> {
  await runs.pause(run);
  const { snapshot } = await lookAtRun(runs, run);
  const { step, durableStep } = snapshot.progress?.training ?? {};
  if (json) printJson(out, { run, paused: true, step, durableStep });
  else printLine(out, `Run ${run} is ${pausedSentence(snapshot, run)} with it.`);
}

async function cancel({ out }: Cli, { runs }: Servers, run: string, json: boolean): Promise<void> {
  await runs.cancel(run);
  if (json) printJson(out, { run, cancelled: true });
  else {
    printLine(
      out,
      `Run ${run} is being cancelled: its state is stored first. \`npx nightshift resume ${run}\` goes on with it.`,
    );
  }
}

async function stop({ out }: Cli, { runs }: Servers, run: string, json: boolean): Promise<void> {
  await runs.stop(run);
  if (json) printJson(out, { run, stopped: true });
  else {
    printLine(
      out,
      `Run ${run} ends its training where it is; predictions and report follow, by its best state. \`npx nightshift watch ${run}\` shows them.`,
    );
  }
}

const ways = { pause, stop, cancel };
