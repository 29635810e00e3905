/** `onFailure: hold`: where a stage has failed the run waits for a person, who mends what is wrong and retries, or cancels it. */
import {
  ContinueAsNew,
  condition,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import type { StageName } from '../contract/progress.ts';
import { retryUpdate } from './messages.ts';
import { rootCause } from './progress.ts';
import type { Advance, Progress } from './progress.ts';
import { refuseIf } from './refusal.ts';

export interface Hold {
  /** Before this a failure ends the run. Returns what the run goes by: one that a schedule starts fails, since nobody watches it. */
  goBy(config: Config): Config;
  /** Runs one stage of the run, again where a person says so. */
  stage<T>(name: StageName, work: (advance: Advance) => Promise<T>): Promise<T>;
  /** Throws what ends the run; else calls `letGo`, and resolves once the stage is to be tried again. */
  failed(name: StageName, failure: unknown, letGo?: () => Promise<void>): Promise<void>;
}

/** Starts taking the update `retry`. */
export function openHold(progress: Progress): Hold {
  let holds = false;
  setHandler(retryUpdate, () => progress.held(undefined), {
    description: 'Try the stage that has failed again, once what was wrong is mended.',
    validator: () =>
      refuseIf(
        !progress.isHeld,
        'nothing has failed that could be tried again: the run is not held',
      ),
  });
  const failed: Hold['failed'] = async (stage, failure, letGo) => {
    const isOver = isCancellation(failure) || failure instanceof ContinueAsNew;
    if (!holds || isOver) throw failure;
    const { message } = rootCause(failure as Error);
    // From here on: a store that is away may keep it from letting go for hours.
    progress.held({ stage, message, at: Date.now() });
    try {
      await letGo?.();
      await condition(() => !progress.isHeld);
    } finally {
      progress.held(undefined);
    }
  };
  return {
    goBy(config) {
      holds = config.onFailure === 'hold' && !isScheduled();
      return isScheduled() ? { ...config, onFailure: 'fail' } : config;
    },
    stage: (name, work) =>
      progress.stage(name, async (advance) => {
        for (;;) {
          try {
            return await work(advance);
          } catch (failure) {
            await failed(name, failure);
          }
        }
      }),
    failed,
  };
}

/** The server notes it on each run that a schedule starts. */
const isScheduled = (): boolean =>
  workflowInfo()
    .typedSearchAttributes.getAll()
    .some(({ key }) => key.name === 'TemporalScheduledById');
