/** The course of a training: the decisions taken on the way and the validations they were taken by. */
import type { TrainingConfig } from '../contract/config.ts';
import { controllerAfter } from '../contract/controller.ts';
import { bestOf } from '../contract/stages.ts';
import type { UsableState, ValidatedState } from '../contract/stages.ts';
import { decided } from '../contract/timeline.ts';
import type { Decision, Numerics } from '../contract/timeline.ts';

export interface Course {
  readonly timeline: readonly Decision[];
  readonly validations: readonly ValidatedState[];
  /** The most accurate states whose weights are there, the best first; of equals the earliest. */
  best(among?: (state: UsableState) => boolean): UsableState[];
  /** From this step on, whatever was set for later ones. */
  setLearningRate(fromStep: number, learningRate: number): void;
  /** Notes a validation, and decides what follows from it. */
  validated(state: ValidatedState): void;
  /** The weights after this step are gone for good: another state is the best. */
  lost(step: number): void;
  /** From this step on all is computed otherwise; what lies beyond it was never stored. */
  turnOff(step: number, numerics: Numerics): void;
}

export function openCourse(
  { plateau }: Pick<TrainingConfig, 'plateau'>,
  begin: {
    /** The step after which `plateau` decides. */
    readonly plateauFrom: number;
    readonly timeline: readonly Decision[];
    readonly validations: readonly ValidatedState[];
  },
): Course {
  let { timeline, validations } = begin;
  const decide = (decision: Decision): void => {
    timeline = [...timeline, decision].toSorted((a, b) => a.fromStep - b.fromStep);
  };
  return {
    get timeline() {
      return timeline;
    },
    get validations() {
      return validations;
    },
    best: (among = () => true) => bestOf(validations).filter(among),
    setLearningRate(fromStep, learningRate) {
      timeline = timeline.filter(
        (decision) => decision.fromStep <= fromStep || decision.learningRate === undefined,
      );
      decide({ fromStep, learningRate });
    },
    validated(state) {
      if (validations.some(({ step }) => step === state.step)) return;
      validations = [...validations, state].toSorted((a, b) => a.step - b.step);
      const { step: fromStep } = state;
      if (fromStep <= begin.plateauFrom) return;
      const factorAt = (step: number): number => decided(timeline, 'learningRateFactor', step) ?? 1;
      const { learningRateFactor } = controllerAfter(validations, plateau, {
        step: begin.plateauFrom,
        learningRateFactor: factorAt(begin.plateauFrom),
      });
      const before = factorAt(fromStep);
      if (learningRateFactor !== before) decide({ fromStep, learningRateFactor });
    },
    lost(step) {
      validations = validations.map((one) =>
        one.step === step ? { ...one, checkpoint: null } : one,
      );
    },
    turnOff(step, numerics) {
      validations = validations.filter((one) => one.step <= step);
      // What a user has set holds still; what followed from validations is decided anew.
      timeline = timeline.filter(
        ({ fromStep, learningRate }) => fromStep <= step || learningRate !== undefined,
      );
      decide({ fromStep: step, numerics });
    },
  };
}
