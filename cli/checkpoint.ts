/** `nightshift checkpoint` and `nightshift validate`: the state that training has reached, stored or validated now. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import type { Servers } from './connect.ts';
import { newestRun } from './newest-run.ts';
import { count, lossText, percent } from './view/format.ts';

/** `id`: which run; without it, the newest that goes on. */
export async function askForState(
  cli: Cli,
  what: keyof typeof ways,
  id: string | undefined,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const run = id ?? (await newestRun(servers.runs));
    const { sentence, ...answer } = await ways[what](servers, run);
    if (json) printJson(cli.out, { run, ...answer });
    else printLine(cli.out, sentence);
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

async function checkpoint({ runs }: Servers, run: string) {
  const stored = await runs.checkpointNow(run);
  const sentence = `Run ${run}: the state after step ${count(stored.step)} is stored: ${stored.key}`;
  return { ...stored, sentence };
}

async function validate({ runs }: Servers, run: string) {
  const { step, loss, accuracy, top5 } = await runs.validateNow(run);
  const found = `accuracy ${percent(accuracy)}, top-5 ${percent(top5)}, loss ${lossText(loss)}`;
  const sentence = `Run ${run}: validation of the state after step ${count(step)}: ${found}.`;
  return { step, loss, accuracy, top5, sentence };
}

const ways = { checkpoint, validate };
