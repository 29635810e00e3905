/** `nightshift start`: this clone's servers and workers, and on them the unfinished run or a new one, shown live. */
import { isDeepStrictEqual } from 'node:util';
import { checkInput } from './check-input.ts';
import { CommandError, exitCodes, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { readConfigFile } from './config-file.ts';
import { pageOf } from './connect.ts';
import { followRun } from './follow.ts';
import { asksForInput, describeInput, inputOf } from './input.ts';
import type { InputOptions, RunInput } from './input.ts';
import { onInterrupt } from './interrupt.ts';
import type { Interruption } from './interrupt.ts';
import { finish } from './finish.ts';
import {
  forgetUnfinishedRun,
  newRunId,
  readUnfinishedRun,
  writeUnfinishedRun,
} from './run-file.ts';
import type { UnfinishedRun } from './run-file.ts';
import type { Runs } from './runs.ts';
import { openStack } from './stack.ts';
import type { Stack } from './stack.ts';
import { openRenderer } from './view/renderer.ts';
import type { Renderer } from './view/renderer.ts';

export interface StartOptions extends InputOptions {
  /** Cancel an unfinished run first. */
  readonly new?: boolean;
  readonly json?: boolean;
}

/** Runs the pipeline to its end. Throws `CommandError` when the options ask for another run than the unfinished one, or for none that can be. */
export async function start(
  cli: Cli,
  options: StartOptions,
  open: typeof openStack = openStack,
): Promise<ExitCode> {
  const before = await readUnfinishedRun(cli.root);
  const input = inputOf(options, cli.cwd, await readConfigFile(options.config, cli.cwd));
  const run = chooseRun(before, options, input);
  const renderer = openRenderer(cli, options.json ?? false);
  let stack: Stack | undefined;
  const interruption = onInterrupt(() => {
    renderer.end();
    renderer.note(
      stack && !stack.own
        ? 'Ctrl-C: no longer watching.'
        : 'Ctrl-C: the workers save the state they reached and hand back, the servers stop (again: stop at once).',
    );
  });
  try {
    stack = await open(cli.root, renderer.note);
    const code = await runOn(cli, stack, { before, run, options, renderer, interruption });
    renderer.end();
    await stack.close();
    if (code === exitCodes.interrupted && !options.json) {
      printLine(cli.out, howToGoOn(run, stack.own));
    }
    return code;
  } catch (error) {
    renderer.end();
    await stack?.close();
    throw error;
  } finally {
    interruption.dispose();
  }
}

/** The unfinished run, or a new one. */
function chooseRun(
  before: UnfinishedRun | undefined,
  options: StartOptions,
  input: RunInput,
): UnfinishedRun {
  if (!before || options.new) {
    checkInput(input, options.config);
    return { workflowId: newRunId(input, new Date()), input };
  }
  if (asksForInput(options) && !isDeepStrictEqual(input, before.input)) {
    const was = describeInput(before.input) || 'no options';
    throw new CommandError(
      `Run ${before.workflowId} is unfinished and was started with ${was}: go on with it by \`npm start\` alone, or cancel it and start another with \`npm start -- --new ${describeInput(input)}\`.`,
    );
  }
  return before;
}

async function runOn(
  cli: Cli,
  stack: Stack,
  {
    before,
    run,
    options,
    renderer,
    interruption,
  }: {
    readonly before: UnfinishedRun | undefined;
    readonly run: UnfinishedRun;
    readonly options: StartOptions;
    readonly renderer: Renderer;
    readonly interruption: Interruption;
  },
): Promise<ExitCode> {
  const { workflowId } = run;
  const { signal } = interruption;
  if (signal.aborted) return exitCodes.interrupted;
  if (before && before !== run) {
    const isCancelled = await cancelIfThere(stack.runs, before.workflowId);
    if (isCancelled) renderer.note(`Run ${before.workflowId} is being cancelled.`);
  }
  // The file first: a start that is cut off here is made up for by the next, with the same id.
  await writeUnfinishedRun(cli.root, run);
  const isNew = await stack.runs.start(workflowId, run.input);
  const how = isNew ? 'Started run' : await howItStands(stack.runs, workflowId);
  renderer.note(`${how} ${workflowId}: ${pageOf(stack, workflowId)}`);
  const outcome = await followRun(stack.runs, workflowId, { signal, show: renderer.show });
  if (!outcome) return exitCodes.interrupted;
  await forgetUnfinishedRun(cli.root);
  renderer.end();
  return finish(cli, stack, workflowId, outcome, options.json ?? false);
}

/** Of a run that was begun before. */
async function howItStands(runs: Runs, id: string): Promise<string> {
  const { status } = await runs.describe(id);
  return status === 'running' ? 'Going on with run' : 'Ended meanwhile: run';
}

/** False when there is nothing to cancel: it was never begun, or has ended since. */
async function cancelIfThere(runs: Runs, id: string): Promise<boolean> {
  try {
    await runs.cancel(id);
    return true;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return false;
  }
}

function howToGoOn({ workflowId }: UnfinishedRun, own: boolean): string {
  return own
    ? `Stopped. \`npm start\` goes on with run ${workflowId} from its last checkpoint.`
    : `Run ${workflowId} goes on: its servers were started by another command. \`npm start\` shows it again.`;
}
