/** What is done about a segment that has failed: a decision, shards made again, a wait, or nothing any more. */
import { isCancellation, log, sleep } from '@temporalio/workflow';
import { isToBeMended, isWorthRetrying } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import type { TrainingConfig } from '../contract/config.ts';
import { numericsText } from '../contract/timeline.ts';
import type { Numerics } from '../contract/timeline.ts';
import type { Course } from './course.ts';
import type { EpochsAhead } from './epochs.ts';
import { isNotStarted, problemOf } from './problem.ts';
import type { Progress } from './progress.ts';
import type { Segments } from './segments.ts';

export interface Setbacks {
  /** Does what the failure asks for, and tells the step to go on from. Throws what nothing mends. */
  mend(failure: unknown, step: number): Promise<number>;
  /** A segment has come to its end; true when it had setbacks. */
  over(): boolean;
  /** Failures are counted anew: a person says that it is worth it. */
  countAnew(): void;
  /** Since the last segment that came to its end there was one. */
  readonly areUnderWay: boolean;
  /** From which steps on the bits may be others, and why. */
  readonly notBitEqual: readonly string[];
}

/** What a setback may have to do with. */
export interface SetbackHelp {
  readonly training: Pick<TrainingConfig, 'strict'>;
  readonly course: Course;
  readonly epochs: EpochsAhead;
  readonly segments: Segments;
  readonly progress: Progress;
  /** Makes anew what is damaged of all that is trained on, but for the augmented shards. */
  readonly remakeData: () => Promise<void>;
}

export function openSetbacks(help: SetbackHelp, before: Setbacks['notBitEqual']): Setbacks {
  const { training, course, epochs, segments, progress, remakeData } = help;
  /** Since the last segment that came to its end. */
  const failures = new Map<FailureType, number>();
  let disturbed = false;
  const notBitEqual = [...before];
  return {
    notBitEqual,
    get areUnderWay() {
      return disturbed;
    },
    countAnew: () => failures.clear(),
    over() {
      const was = disturbed;
      disturbed = false;
      failures.clear();
      return was;
    },
    async mend(failure, step) {
      if (isCancellation(failure)) throw failure;
      disturbed = true;
      const workerIsGone = segments.isHeld && isNotStarted(failure);
      if (workerIsGone) {
        segments.release();
        return step;
      }
      const problem = problemOf(failure);
      const { type, message, details } = problem;
      segments.saw(problem.step ?? 0);
      progress.problem(message);
      log.warn('training segment failed', { ...problem, step });
      const tries = (failures.get(type) ?? 0) + 1;
      failures.set(type, tries);
      if (!isWorthRetrying(type, tries)) throw failure;
      if (!isToBeMended(type)) segments.release();
      if (type === 'ShardsMissing') {
        epochs.remake((details as { epoch: number }).epoch);
        return step;
      }
      if (type === 'NumericsDiffer') {
        if (training.strict) throw failure;
        const change = details as { numerics: Numerics; step: number };
        course.turnOff(change.step, change.numerics);
        notBitEqual.push(`from step ${change.step}: on ${numericsText(change.numerics)}`);
        return change.step;
      }
      // The first time it may be mended by now.
      if (tries > 1) await sleep(Math.min(60_000, 500 * 2 ** tries));
      if (type === 'DamagedObject') await remakeData();
      return step;
    },
  };
}
