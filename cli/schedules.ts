/** What the command line asks of Temporal's schedules: when runs begin by themselves. */
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Client, ScheduleDescription } from '@temporalio/client';
import { cpuQueue } from '../contract/queues.ts';
import { askOf, orderDeadlineMs } from './ask.ts';
import { CommandError } from './cli.ts';
import type { RunInput } from './input.ts';
import { workflowType } from './runs.ts';

/** A start a day. */
export interface NewSchedule {
  readonly name: string;
  readonly hour: number;
  readonly minute: number;
  readonly timezone: string;
  /** Begins up to so many minutes later, at random: where many schedules share an hour. */
  readonly jitterMinutes: number;
  /** After a run that failed, the next one waits for a person. */
  readonly pauseOnFailure: boolean;
  readonly input: RunInput;
}

/** Times are epoch milliseconds. */
export interface Schedule {
  readonly name: string;
  readonly paused: boolean;
  /** Why it is paused, or was let go on. */
  readonly note?: string;
  readonly timezone: string;
  readonly pauseOnFailure: boolean;
  readonly input: RunInput;
  /** The next starts, and the runs of the last ones. */
  readonly next: readonly number[];
  readonly runs: readonly { readonly run: string; readonly at: number }[];
  /** Starts left out: a run was still under way, or no server was there in time. */
  readonly skipped: number;
  readonly missed: number;
}

/** Each throws `CommandError` when there is no such schedule. */
export interface Schedules {
  /** Throws `CommandError` when one has this name. */
  create(schedule: NewSchedule): Promise<void>;
  list(): Promise<Schedule[]>;
  describe(name: string): Promise<Schedule>;
  pause(name: string, why: string): Promise<void>;
  resume(name: string, why: string): Promise<void>;
  /** Starts a run now, unless one is under way. */
  trigger(name: string): Promise<void>;
  /** Starts the runs of past days, one after the other. */
  backfill(name: string, from: Date, to: Date): Promise<void>;
  delete(name: string): Promise<void>;
}

export function schedulesOf(client: Client, closing: AbortSignal): Schedules {
  const ask = askOf(client, closing);
  const order = async <T>(name: string, question: () => Promise<T>): Promise<T> => {
    try {
      return await ask(name, question, orderDeadlineMs);
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      throw new CommandError(
        `There is no schedule '${name}' on this server; \`npx nightshift schedule list\` shows those there are.`,
      );
    }
  };
  const handle = (name: string) => client.schedule.getHandle(name);
  const describe = (name: string): Promise<Schedule> =>
    order(name, async () => factsOf(await handle(name).describe()));
  // Someone may delete one between the list's answer and its own.
  const describeUnlessGone = async (name: string): Promise<Schedule | undefined> => {
    try {
      return factsOf(await handle(name).describe());
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return undefined;
      throw error;
    }
  };
  return {
    create: ({ name, hour, minute, timezone, jitterMinutes, pauseOnFailure, input }) =>
      order(name, async () => {
        try {
          await client.schedule.create({
            scheduleId: name,
            spec: { calendars: [{ hour, minute }], timezone, jitter: `${jitterMinutes} minutes` },
            action: {
              type: 'startWorkflow',
              workflowType,
              taskQueue: cpuQueue,
              workflowId: name,
              args: [input],
            },
            policies: {
              overlap: ScheduleOverlapPolicy.SKIP,
              // A machine that slept for a week is not to train seven nights.
              catchupWindow: '1 hour',
              pauseOnFailure,
            },
          });
        } catch (error) {
          if (!(error instanceof ScheduleAlreadyRunning)) throw error;
          throw new CommandError(
            `There is a schedule '${name}' already: give another name, or delete it with \`npx nightshift schedule delete ${name}\`.`,
          );
        }
      }),
    list: () =>
      order('', async () => {
        const names: string[] = [];
        for await (const { scheduleId, action } of client.schedule.list()) {
          if (action?.workflowType === workflowType) names.push(scheduleId);
        }
        const found = await Promise.all(names.toSorted().map(describeUnlessGone));
        return found.filter((one) => one !== undefined);
      }),
    describe,
    pause: (name, why) => order(name, () => handle(name).pause(why)),
    resume: (name, why) => order(name, () => handle(name).unpause(why)),
    trigger: (name) => order(name, () => handle(name).trigger(ScheduleOverlapPolicy.SKIP)),
    backfill: (name, start, end) =>
      order(name, () =>
        handle(name).backfill({ start, end, overlap: ScheduleOverlapPolicy.BUFFER_ALL }),
      ),
    delete: (name) => order(name, () => handle(name).delete()),
  };
}

function factsOf({
  scheduleId,
  spec,
  action,
  policies,
  state,
  info,
}: ScheduleDescription): Schedule {
  return {
    name: scheduleId,
    paused: state.paused,
    ...(state.note && { note: state.note }),
    timezone: spec.timezone ?? 'UTC',
    pauseOnFailure: policies.pauseOnFailure,
    input: (action.args?.[0] as RunInput | undefined) ?? {},
    next: info.nextActionTimes.map((at) => at.getTime()),
    runs: info.recentActions.map(({ action: taken, takenAt }) => ({
      run: taken.workflow.workflowId,
      at: takenAt.getTime(),
    })),
    skipped: info.numActionsSkippedOverlap,
    missed: info.numActionsMissedCatchupWindow,
  };
}
