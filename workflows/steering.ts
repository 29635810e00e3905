/** What a user may tell a run while it trains: pause and resume it, set its learning rate. */
import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import { pauseUpdate, resumeUpdate, setLearningRateUpdate } from './messages.ts';
import type { Progress } from './progress.ts';

export interface Steering {
  /** Resolves at once, unless the run is paused: then `handBack` is called, and a resumption waited for. */
  untilGoing(handBack: () => Promise<void>): Promise<void>;
  /** How long the run has waited in pauses so far. */
  readonly pausedMs: number;
  /** Runs work that a pause cancels, also one that is on already: undefined when one has. */
  interruptible<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** The rate that was set since this was last asked. Before the last milestone: from then on one would come too late. */
  takeLearningRate(isLast: boolean): number | undefined;
  /** No pause is asked for or on, and nobody waits for an answer. */
  readonly isQuiet: boolean;
  /** For the next execution. */
  readonly carried: CarriedSteering;
  /** Nothing is trained any more: what is asked for from now on is refused. */
  close(): void;
}

/** What was told and not done yet, and what pauses took. */
export interface CarriedSteering {
  readonly learningRate?: number | undefined;
  readonly pausedMs: number;
}

/** Starts taking the updates. */
export function openSteering(
  progress: Progress,
  carried: CarriedSteering = { pausedMs: 0 },
): Steering {
  let paused = false;
  let { learningRate, pausedMs } = carried;
  let underWay: { readonly scope: CancellationScope; interrupted: boolean } | undefined;
  /** Nothing of the run is on a GPU. */
  let idle = true;
  let over = false;
  let lastIsUnderWay = false;
  const setPaused = (value: boolean): void => {
    paused = value;
    progress.paused(value);
  };

  setHandler(
    pauseUpdate,
    async () => {
      setPaused(true);
      if (underWay) {
        underWay.interrupted = true;
        underWay.scope.cancel();
      }
      // Told to go on again before it was idle, it is not going to be.
      await condition(() => idle || !paused);
      if (over) throw ApplicationFailure.nonRetryable(tooLate, 'InvalidUpdate');
    },
    {
      description: 'Save the state, free the GPU and wait for `resume`.',
      validator() {
        refuseIf(over, tooLate);
        refuseIf(paused, 'the run is paused already');
      },
    },
  );
  setHandler(resumeUpdate, () => setPaused(false), {
    description: 'Go on with a paused run.',
    validator: () => refuseIf(!paused, 'the run is not paused'),
  });
  setHandler(setLearningRateUpdate, (rate) => void (learningRate = rate), {
    description:
      'Train with this rate in the place of training.learningRate.initial, from the next milestone on.',
    validator(rate) {
      refuseIf(over, tooLate);
      refuseIf(lastIsUnderWay && !(paused && idle), onlyPaused);
      refuseIf(
        !(typeof rate === 'number' && Number.isFinite(rate) && rate > 0),
        `learning rate ${JSON.stringify(rate)}: must be a number above 0`,
      );
    },
  });

  return {
    async untilGoing(handBack) {
      if (paused) {
        const pausedAt = Date.now();
        await handBack();
        idle = true;
        await condition(() => !paused);
        pausedMs += Date.now() - pausedAt;
      }
      idle = false;
    },
    get pausedMs() {
      return pausedMs;
    },
    get isQuiet() {
      return !paused && allHandlersFinished();
    },
    get carried() {
      return { learningRate, pausedMs };
    },
    async interruptible(work) {
      const own = { scope: new CancellationScope(), interrupted: paused };
      if (paused) own.scope.cancel();
      underWay = own;
      try {
        return await own.scope.run(work);
      } catch (failure) {
        // By now it may have been told to go on again.
        if (own.interrupted && isCancellation(failure)) return undefined;
        throw failure;
      } finally {
        underWay = undefined;
      }
    },
    takeLearningRate(isLast) {
      lastIsUnderWay = isLast;
      const taken = learningRate;
      learningRate = undefined;
      return taken;
    },
    close() {
      over = true;
      idle = true;
      if (paused) setPaused(false);
    },
  };
}

const tooLate = 'training is over: there is nothing left to pause or to change';

const onlyPaused =
  'the steps to the last milestone are under way, and no other comes after them: pause the run, set the rate, and resume it';

function refuseIf(holds: boolean, problem: string): void {
  if (holds) throw ApplicationFailure.nonRetryable(problem, 'InvalidUpdate');
}
