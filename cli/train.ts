/** `nightshift train`: starts a run on a server that is up already. */
import { checkInput } from './check-input.ts';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { readConfigFile } from './config-file.ts';
import { connect, pageOf } from './connect.ts';
import { inputOf } from './input.ts';
import type { InputOptions } from './input.ts';
import { newRunId } from './run-file.ts';
import { watchOn } from './watch.ts';

export interface TrainOptions extends InputOptions {
  /** Show the run until it has ended. */
  readonly wait?: boolean;
  readonly json?: boolean;
}

export async function train(
  cli: Cli,
  options: TrainOptions,
  open: typeof connect = connect,
): Promise<ExitCode> {
  const { wait = false, json = false } = options;
  const input = inputOf(options, cli.cwd, await readConfigFile(options.config, cli.cwd));
  checkInput(input, options.config);
  const id = newRunId(input, new Date());
  const servers = await open(cli.root);
  try {
    if (!(await servers.runs.start(id, input))) {
      throw new CommandError(
        `A run ${id} was started in this very second; try again for another one.`,
        exitCodes.failed,
      );
    }
    const page = pageOf(servers, id);
    if (json) {
      printJson(cli.out, { run: id, ...(page && { page }) });
    } else {
      printLine(cli.out, `Started run ${id}${page ? `: ${page}` : ''}`);
      if (!wait) printLine(cli.out, `Watch it with \`npx nightshift watch ${id}\`.`);
    }
    return wait ? await watchOn(cli, servers, id, json) : exitCodes.ok;
  } finally {
    await servers.close();
  }
}
