/** `nightshift resume`: goes on with a run that is paused, crashed, failed, cancelled or lost, or forks one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect, pageOf } from './connect.ts';
import type { Servers } from './connect.ts';
import { inputOf } from './input.ts';
import type { InputOptions } from './input.ts';
import { newestToResume } from './newest-run.ts';
import type { RunDescription, Runs } from './runs.ts';
import { watchOn } from './watch.ts';

export interface ResumeOptions extends Pick<InputOptions, 'set'> {
  /** Go on from the state after this step instead of the newest. */
  readonly step?: number;
  /** Show the run until it has ended. */
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Every byte of the state is read, at a gigabyte in seconds. */
const configureMs = 60_000;
const lookAgainMs = 200;

/** `named`: the run's name, or its id in the store for one that Temporal has lost; without it, the newest. */
export async function resume(
  cli: Cli,
  named: string | undefined,
  options: ResumeOptions,
  open: typeof connect = connect,
): Promise<ExitCode> {
  const { wait = false, json = false } = options;
  const servers = await open(cli.root);
  try {
    const id = named ?? (await newestToResume(servers.runs));
    const before = await describeIfThere(servers, id);
    const run = await goOn(cli, servers, id, before, options);
    const isTakenUp = wait || (await isConfigured(servers.runs, run));
    const page = pageOf(servers, run);
    if (json) printJson(cli.out, { run, resumedFrom: id, ...(page && { page }) });
    else {
      const same = run === id;
      printLine(
        cli.out,
        `${same ? `Run ${run} goes on` : `Run ${run} goes on with ${id}`}${page ? `: ${page}` : ''}`,
      );
      if (!isTakenUp)
        printLine(cli.out, 'No worker has looked at it yet: it may still be refused.');
      if (!wait) printLine(cli.out, `Watch it with \`npx nightshift watch ${run}\`.`);
    }
    return wait ? await watchOn(cli, servers, run, json) : exitCodes.ok;
  } finally {
    await servers.close();
  }
}

/** The run that goes on: the paused one itself, else a new one that takes over the state. */
async function goOn(
  cli: Cli,
  { runs }: Servers,
  id: string,
  before: RunDescription | undefined,
  { step, set }: ResumeOptions,
): Promise<string> {
  const isFork = step !== undefined || set !== undefined;
  if (before?.status === 'running' && !isFork) {
    const { paused = false, held } = await runs.progress(id);
    if (held) {
      throw new CommandError(
        `Run ${id} is held, since its stage ${held.stage} has failed: \`npx nightshift retry ${id}\` goes on with it; --step or --set fork it.`,
      );
    }
    if (!paused) {
      throw new CommandError(
        `Run ${id} goes on by itself: after a crash its workers take it up from its last checkpoint. \`npx nightshift watch ${id}\` shows it; --step or --set fork it.`,
      );
    }
    await runs.unpause(id);
    return id;
  }
  if (before?.status === 'completed' && !isFork) {
    throw new CommandError(
      `Run ${id} is completed: going on with it gives the same model again. --set forks it with other settings, --step from an earlier state.`,
    );
  }
  // The store knows a run once it trains; before, only Temporal knows what it was to be.
  const isInStore = !before || (await hasTrained(runs, id));
  const place = isInStore ? id : { run: id, input: await runs.input(id) };
  const resumeFrom = step === undefined ? place : { run: id, step };
  const input = { ...inputOf({ ...(set && { set }) }, cli.cwd), resumeFrom };
  const name = resumedName(id, new Date());
  if (await runs.start(name, input)) return name;
  throw new CommandError(
    `A run ${name} was started in this very second; try again for another one.`,
    exitCodes.failed,
  );
}

/**
 * Waits until a worker has found what the run goes on from; false when none has for a while. Throws
 * `CommandError` when it is refused: no such run or step, settings that can't be.
 */
async function isConfigured(runs: Runs, id: string): Promise<boolean> {
  const until = Date.now() + configureMs;
  while (Date.now() < until) {
    const { status } = await runs.describe(id);
    if (status !== 'running') {
      const outcome = await runs.outcome(id);
      if (outcome.status !== 'failed') return true;
      const { type, message } = outcome;
      throw new CommandError(
        `Run ${id} failed: ${type}: ${message}`,
        type === 'InvalidConfig' ? exitCodes.usage : exitCodes.failed,
      );
    }
    const progress = await runs.progress(id).catch(() => undefined);
    const configure = progress?.stages.find(({ name }) => name === 'configure');
    if (configure?.status === 'done') return true;
    await sleep(lookAgainMs);
  }
  return false;
}

async function hasTrained(runs: Runs, id: string): Promise<boolean> {
  const progress = await runs.progress(id).catch(() => undefined);
  return progress?.training !== undefined;
}

async function describeIfThere({ runs }: Servers, id: string): Promise<RunDescription | undefined> {
  try {
    return await runs.describe(id);
  } catch (error) {
    // What Temporal has lost the store may still have.
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** The name of the run that goes on: the first one's, with the time of its last resumption. */
function resumedName(id: string, now: Date): string {
  const [first = id] = id.split('-resumed-');
  return `${first}-resumed-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`;
}
