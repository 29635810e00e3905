/** `nightshift schedule ...`: runs that begin by themselves, every day at the same time. */
import { InvalidArgumentError } from 'commander';
import { checkInput } from './check-input.ts';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { readConfigFile } from './config-file.ts';
import { connect } from './connect.ts';
import { describeInput, inputOf } from './input.ts';
import type { InputOptions } from './input.ts';
import { person } from './promote.ts';
import type { Schedule, Schedules } from './schedules.ts';
import { dayAndTime } from './view/format.ts';
import { columns } from './view/table.ts';
import { endIn, timeIn } from './zoned-time.ts';

export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

export interface CreateOptions extends InputOptions {
  readonly at: TimeOfDay;
  /** This machine's where it is left out. */
  readonly timezone?: string;
  readonly jitter: number;
  readonly pauseOnFailure?: boolean;
  readonly json?: boolean;
}

export async function createSchedule(
  cli: Cli,
  name: string,
  options: CreateOptions,
  open: typeof connect = connect,
): Promise<ExitCode> {
  const { at, jitter: jitterMinutes, pauseOnFailure = false, json = false } = options;
  const timezone = options.timezone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
  refuseUnknownZone(timezone);
  const input = inputOf(options, cli.cwd, await readConfigFile(options.config, cli.cwd));
  checkInput(input, options.config);
  return withSchedules(cli, open, async (schedules) => {
    await schedules.create({ name, ...at, timezone, jitterMinutes, pauseOnFailure, input });
    say(cli, await schedules.describe(name), json);
  });
}

export const listSchedules = (
  cli: Cli,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> =>
  withSchedules(cli, open, async (schedules) => {
    const found = await schedules.list();
    if (json) printJson(cli.out, found);
    else for (const line of tableOf(found)) printLine(cli.out, line);
  });

/** What is done with one schedule by its name; it is shown then. */
export type ScheduleOrder = 'show' | 'pause' | 'resume' | 'trigger' | 'delete' | 'backfill';

export function orderSchedule(
  cli: Cli,
  order: ScheduleOrder,
  name: string,
  options: {
    readonly why?: string;
    /** In the schedule's time zone. */
    readonly from?: string;
    readonly to?: string;
    readonly json?: boolean;
  },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const { why = `${order}d by ${person()}`, from, to, json = false } = options;
  return withSchedules(cli, open, async (schedules) => {
    switch (order) {
      case 'pause':
        await schedules.pause(name, why);
        break;
      case 'resume':
        await schedules.resume(name, why);
        break;
      case 'trigger':
        await schedules.trigger(name);
        break;
      case 'backfill': {
        const { timezone } = await schedules.describe(name);
        const end = to === undefined ? new Date() : endIn(timezone, to);
        await schedules.backfill(name, timeIn(timezone, from!), end);
        break;
      }
      case 'delete':
        await schedules.delete(name);
        if (json) printJson(cli.out, { name, deleted: true });
        else printLine(cli.out, `Schedule ${name} is deleted; its runs stay.`);
        return;
      case 'show':
    }
    say(cli, await schedules.describe(name), json);
  });
}

/** `02:00` */
export function parseTimeOfDay(text: string): TimeOfDay {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hour !== undefined) return { hour: Number(hour), minute: Number(minute) };
  throw new InvalidArgumentError('Expected hours and minutes, from 00:00 to 23:59.');
}

async function withSchedules(
  { root }: Cli,
  open: typeof connect,
  work: (schedules: Schedules) => Promise<void>,
): Promise<ExitCode> {
  const servers = await open(root);
  try {
    await work(servers.schedules);
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

function refuseUnknownZone(timezone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone }).format();
  } catch {
    throw new CommandError(
      `There is no time zone '${timezone}': give one of the tz database, such as Europe/Berlin.`,
    );
  }
}

function say({ out }: Cli, schedule: Schedule, json: boolean): void {
  if (json) printJson(out, schedule);
  else for (const line of scheduleLines(schedule)) printLine(out, line);
}

function scheduleLines(schedule: Schedule): string[] {
  const { name, paused, note, timezone, pauseOnFailure, input, next, runs, skipped, missed } =
    schedule;
  const state = paused ? 'paused' : 'on';
  return [
    `Schedule ${name}: ${state}${note ? ` (${note})` : ''}, in ${timezone}${pauseOnFailure ? ', pauses when a run fails' : ''}`,
    `Input    ${describeInput(input) || 'the preset quickstart'}`,
    ...(paused ? [] : next.slice(0, 3).map((at) => `Next     ${dayAndTime(at)}`)),
    ...runs.map(({ run, at }) => `Run      ${dayAndTime(at)}  ${run}`),
    ...(skipped + missed > 0
      ? [`Left out ${skipped} while a run was under way, ${missed} while no server was there`]
      : []),
  ];
}

function tableOf(found: readonly Schedule[]): string[] {
  if (found.length === 0) {
    return ['There is no schedule yet; `npx nightshift schedule create` makes one.'];
  }
  return columns([
    ['SCHEDULE', 'STATE', 'NEXT', 'LAST RUN'],
    ...found.map(({ name, paused, next, runs }) => [
      ...[name, paused ? 'paused' : 'on'],
      paused || next[0] === undefined ? '' : dayAndTime(next[0]),
      runs.at(-1)?.run ?? '',
    ]),
  ]);
}
