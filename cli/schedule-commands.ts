/** The commands below `nightshift schedule`, as their help shows them. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Cli, ExitCode } from './cli.ts';
import { addInputOptions } from './input.ts';
import { parseTimeOfDay } from './schedule.ts';
import type { CreateOptions, ScheduleOrder } from './schedule.ts';
import { parseZonedTime } from './zoned-time.ts';

type Add = (parent: Command, signature: string, description: string, example: string) => Command;

/** `end` takes the exit code of the one that ran. */
export function addScheduleCommands(
  program: Command,
  cli: Cli,
  end: (code: ExitCode) => void,
): void {
  const add: Add = (parent, signature, description, example) =>
    parent
      .command(signature)
      .description(description)
      .option('--json', 'print JSON, for scripts')
      .addHelpText('after', ['', 'Examples:', `  npx nightshift schedule ${example}`].join('\n'));
  const schedule = program
    .command('schedule')
    .description('runs that begin by themselves: create, list, show, pause, trigger, delete');

  addInputOptions(
    add(
      schedule,
      'create <name>',
      'start a run every day at this time, unless the one before is still under way',
      'create nightly --at 02:00 --timezone Europe/Berlin --set promotion.model=pets --set promotion.warmStart=champion',
    ),
  )
    .requiredOption('--at <time>', 'hours and minutes, such as 02:00', parseTimeOfDay)
    .option('--timezone <zone>', "of the tz database (default: this machine's)")
    .option('--jitter <minutes>', 'begin up to so many minutes later, at random', parseMinutes, 0)
    .option('--pause-on-failure', 'after a run that failed, wait for a person')
    .action(async (name: string, options: CreateOptions) => {
      const { createSchedule } = await import('./schedule.ts');
      end(await createSchedule(cli, name, options));
    });

  add(schedule, 'list', 'list the schedules', 'list').action(
    async (options: { readonly json?: boolean }) => {
      const { listSchedules } = await import('./schedule.ts');
      end(await listSchedules(cli, options));
    },
  );

  const orders: readonly (readonly [ScheduleOrder, string])[] = [
    ['show', 'show when it starts runs, and which it has started'],
    ['pause', 'start no run until it is resumed'],
    ['resume', 'let a paused schedule go on'],
    ['trigger', 'start a run now, unless one is under way'],
    ['delete', 'start no run any more; those that began go on'],
    ['backfill', 'start the runs of past days, one after the other'],
  ];
  for (const [order, description] of orders) {
    const extra = order === 'backfill' ? ' --from 2026-11-20' : '';
    const command = add(schedule, `${order} <name>`, description, `${order} nightly${extra}`);
    if (order === 'pause' || order === 'resume') command.option('--why <words>', 'for who looks');
    if (order === 'backfill') {
      command
        .requiredOption(
          '--from <time>',
          "a day, or a time as in 2026-11-20T02:00, in the schedule's time zone",
          parseZonedTime,
        )
        .option('--to <time>', 'likewise, a day with its end (default: now)', parseZonedTime);
    }
    command.action(async (name: string, options: { readonly json?: boolean }) => {
      const { orderSchedule } = await import('./schedule.ts');
      end(await orderSchedule(cli, order, name, options));
    });
  }
}

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (minutes >= 0 && minutes < 24 * 60) return minutes;
  throw new InvalidArgumentError('Expected minutes, from 0 to a day.');
}
