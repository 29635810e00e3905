/** The course of a training: the decisions taken on the way and the validations they were taken by. */
import { controllerAfter, endAfter } from '../contract/controller.ts';
import { planOf } from '../contract/plan.ts';
import type { TrainingPlan } from '../contract/plan.ts';
import { bestOf } from '../contract/stages.ts';
import type { TrainingInputs, UsableState, ValidatedState } from '../contract/stages.ts';
import { decided } from '../contract/timeline.ts';
import type { Decision, Numerics, StopReason } from '../contract/timeline.ts';

export interface Course {
  readonly timeline: readonly Decision[];
  readonly validations: readonly ValidatedState[];
  /** By the decisions so far. */
  readonly plan: TrainingPlan;
  /** Why training ends before the last planned step, once that is decided. */
  readonly stopped: StopReason | undefined;
  /** The most accurate states whose weights are there, the best first; of equals the earliest. */
  best(among?: (state: UsableState) => boolean): UsableState[];
  /** From this step on, whatever was set for later ones. */
  setLearningRate(fromStep: number, learningRate: number): void;
  /** From this step on so many epochs are planned. */
  setEpochs(fromStep: number, epochs: number): void;
  /** The state after this many steps is the last one. */
  stop(step: number, why: StopReason): void;
  /** Notes a validation, and decides what follows from it. */
  validated(state: ValidatedState): void;
  /** The weights after this step are gone for good: another state is the best. */
  lost(step: number): void;
  /** From this step on all is computed otherwise; what lies beyond it was never stored. */
  turnOff(step: number, numerics: Numerics): void;
}

export function openCourse(
  inputs: Pick<TrainingInputs, 'samples' | 'config' | 'plateauFrom' | 'earlyStopFrom'>,
  begin: Pick<Course, 'timeline' | 'validations'>,
): Course {
  const { training } = inputs.config;
  const { plateauFrom = 0, earlyStopFrom = 0 } = inputs;
  let { timeline, validations } = begin;
  const decide = (decision: Decision): void => {
    timeline = [...timeline, decision].toSorted((a, b) => a.fromStep - b.fromStep);
  };
  const lowerRate = (fromStep: number): void => {
    const factorAt = (step: number): number => decided(timeline, 'learningRateFactor', step) ?? 1;
    const { learningRateFactor } = controllerAfter(validations, training.plateau, {
      step: plateauFrom,
      learningRateFactor: factorAt(plateauFrom),
    });
    if (learningRateFactor !== factorAt(fromStep)) decide({ fromStep, learningRateFactor });
  };
  /** In the place of what was set for later steps. */
  const set = (what: 'learningRate' | 'epochs', fromStep: number, value: number): void => {
    timeline = timeline.filter(
      (decision) => decision.fromStep <= fromStep || decision[what] === undefined,
    );
    decide({ fromStep, [what]: value });
  };
  return {
    get timeline() {
      return timeline;
    },
    get validations() {
      return validations;
    },
    get plan() {
      return planOf(inputs, timeline);
    },
    get stopped() {
      return timeline.find(({ stop }) => stop !== undefined)?.stop;
    },
    best: (among = () => true) => bestOf(validations).filter(among),
    setLearningRate: (fromStep, rate) => set('learningRate', fromStep, rate),
    setEpochs: (fromStep, epochs) => set('epochs', fromStep, epochs),
    stop: (step, why) => decide({ fromStep: step, stop: why }),
    validated(state) {
      if (validations.some(({ step }) => step === state.step)) return;
      validations = [...validations, state].toSorted((a, b) => a.step - b.step);
      if (state.step > plateauFrom) lowerRate(state.step);
      if (state.step > earlyStopFrom && state.step < planOf(inputs, timeline).steps) {
        const why = endAfter(validations, training, earlyStopFrom);
        if (why) decide({ fromStep: state.step, stop: why });
      }
    },
    lost(step) {
      validations = validations.map((one) =>
        one.step === step ? { ...one, checkpoint: null } : one,
      );
    },
    turnOff(step, numerics) {
      validations = validations.filter((one) => one.step <= step);
      // What a user has set holds still; what followed from validations is decided anew.
      timeline = timeline.filter((decision) => decision.fromStep <= step || isGiven(decision));
      decide({ fromStep: step, numerics });
    },
  };
}

/** Whether it was told, not concluded from validations. */
const isGiven = ({ learningRate, epochs, stop }: Decision): boolean =>
  learningRate !== undefined || epochs !== undefined || stop === 'asked' || stop === 'budget';
