/** What a user may tell a run while it trains: pause and resume it, set its learning rate, extend it, end it where it is. */
import {
  CancellationScope,
  allHandlersFinished,
  condition,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import type { TrainingPlan } from '../contract/plan.ts';
import { isRecord } from '../contract/problem-lines.ts';
import {
  extendEpochsUpdate,
  pauseUpdate,
  resumeUpdate,
  setLearningRateUpdate,
  stopAndFinishUpdate,
} from './messages.ts';
import type { Progress } from './progress.ts';
import { refuseIf } from './refusal.ts';

export interface Steering {
  /** Resolves at once, unless the run is paused: then `handBack` is called, and a resumption waited for. */
  untilGoing(handBack: () => Promise<void>): Promise<void>;
  /** How long the run has waited in pauses so far. */
  readonly pausedMs: number;
  /** Runs work that a pause or a stop cancels, also a pause that is on already: undefined when one has. */
  interruptible<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** Ends what is interruptible and under way. */
  interrupt(): void;
  /** Why nothing can be asked of the state that training has reached. */
  whyNotNow(): string | undefined;
  /** Something was set and not taken yet. */
  readonly isSet: boolean;
  /** What was set since this was last asked. */
  take(): Settings;
  /** An extension was asked for and not taken yet. */
  readonly isExtended: boolean;
  /** Training is to end at the step that it has reached. */
  readonly isToStop: boolean;
  /** What is under way from now on: by this is seen what comes too late. */
  goesOn(next: Stretch): void;
  /** No pause is asked for or on, no stop either, and nobody waits for an answer. */
  readonly isQuiet: boolean;
  /** For the next execution. */
  readonly carried: CarriedSteering;
  /** Nothing is trained any more: what is asked for from now on is refused. */
  close(): void;
}

/** Both hold from the next step on. */
interface Settings {
  readonly learningRate?: number | undefined;
  /** In all. */
  readonly epochs?: number | undefined;
}

/** The steps to the next milestone. */
interface Stretch {
  readonly plan: TrainingPlan;
  readonly isLast: boolean;
  /** It is decided that training ends with it, sooner than planned. */
  readonly isStopped: boolean;
}

/** What was told and not done yet, what pauses took, and what was under way: by that is judged what comes first. */
export interface CarriedSteering extends Settings {
  readonly pausedMs: number;
  readonly stretch?: Stretch | undefined;
}

/** Starts taking the updates. */
export function openSteering(
  progress: Progress,
  carried: CarriedSteering = { pausedMs: 0 },
): Steering {
  let paused = false;
  let { learningRate, epochs, pausedMs, stretch } = carried;
  let isToStop = false;
  let underWay: { readonly scope: CancellationScope; interrupted: boolean } | undefined;
  /** Nothing of the run is on a GPU. */
  let idle = true;
  let over = false;
  const interrupt = (): void => {
    if (!underWay) return;
    underWay.interrupted = true;
    underWay.scope.cancel();
  };
  const refuseIfOver = (): void => {
    refuseIf(over, tooLate);
    refuseIf(isToStop || stretch?.isStopped, ending);
  };
  const setPaused = (value: boolean): void => {
    paused = value;
    progress.paused(value);
  };

  setHandler(
    pauseUpdate,
    async () => {
      setPaused(true);
      interrupt();
      // Told to go on again before it was idle, it is not going to be.
      await condition(() => idle || !paused);
      refuseIf(over, tooLate);
    },
    {
      description: 'Save the state, free the GPU and wait for `resume`.',
      validator() {
        refuseIf(over, tooLate);
        refuseIf(paused, 'the run is paused already');
        refuseIf(progress.isHeld, 'the run is held after a failure: nothing of it is on a GPU');
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
      refuseIfOver();
      refuseIf(
        stretch?.isLast && epochs === undefined && !(paused && idle) && !progress.isHeld,
        onlyPaused,
      );
      refuseIf(
        !(typeof rate === 'number' && Number.isFinite(rate) && rate > 0),
        `learning rate ${JSON.stringify(rate)}: must be a number above 0`,
      );
    },
  });

  setHandler(
    stopAndFinishUpdate,
    () => {
      isToStop = true;
      setPaused(false);
      progress.held(undefined);
      interrupt();
    },
    {
      description:
        'End training at the step it has reached; then predictions and report, by the best state.',
      validator() {
        refuseIfOver();
        refuseIf(
          !stretch,
          'training has not begun: there is nothing to finish with; cancel the run',
        );
      },
    },
  );
  setHandler(extendEpochsUpdate, (asked) => void ({ epochs } = asked), {
    description:
      'Train for more epochs than are planned: { "epochs": how many in all }. Schedules of the learning rate then end with them.',
    validator(asked: unknown) {
      refuseIfOver();
      refuseIf(!stretch, 'training has not begun: start the run with another training.epochs');
      const { stepsPerEpoch, epochs: before } = stretch!.plan;
      const planned = epochs ?? before;
      const more = isRecord(asked) ? asked['epochs'] : undefined;
      refuseIf(
        !(Number.isInteger(more) && (more as number) > planned),
        `${JSON.stringify(asked)}: give { "epochs": .. }, a whole number above the ${planned} that are planned; \`stopAndFinish\` ends training before`,
      );
      refuseIf(
        !Number.isSafeInteger((more as number) * stepsPerEpoch),
        `${more as number} epochs of ${stepsPerEpoch} steps: give fewer, whose steps can be counted`,
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
      return !paused && !isToStop && allHandlersFinished();
    },
    get carried() {
      return { learningRate, epochs, pausedMs, stretch };
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
    interrupt,
    whyNotNow() {
      if (over) return tooLate;
      if (!stretch) return 'training has not begun';
      if (paused) return 'the run is paused: its state is stored already; resume it first';
      return progress.isHeld ? 'the run is held after a failure: retry it first' : undefined;
    },
    get isSet() {
      return learningRate !== undefined || epochs !== undefined;
    },
    take() {
      const taken = { learningRate, epochs };
      [learningRate, epochs] = [undefined, undefined];
      return taken;
    },
    get isExtended() {
      return epochs !== undefined;
    },
    get isToStop() {
      return isToStop;
    },
    goesOn: (next) => void (stretch = next),
    close() {
      over = true;
      idle = true;
      if (paused) setPaused(false);
    },
  };
}

const tooLate = 'training is over: there is nothing left to pause or to change';

const ending =
  'training is about to end: its end is decided, and nothing of it can be changed any more';

const onlyPaused =
  'the steps to the last milestone are under way, and no other comes after them: pause the run, set the rate, and resume it';
