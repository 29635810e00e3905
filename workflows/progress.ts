/** What the run says of itself: the query `progress` and the current details that the Temporal UI shows. */
import {
  ActivityFailure,
  ContinueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import { stageNames } from '../contract/progress.ts';
import type {
  HeldStage,
  NoChange,
  RunProgress,
  RunResult,
  StageName,
  StageProgress,
  TrainingProgress,
} from '../contract/progress.ts';
import type { PromotionState } from '../contract/promotion.ts';
import type { StoredState, Takeover } from '../contract/stages.ts';
import { progressMarkdown } from './markdown.ts';
import { progressQuery } from './messages.ts';
import { tellList } from './listing.ts';

/** Tells how many parts of a stage are done. */
export type Advance = (done: number, total: number) => void;

export interface Progress {
  /** Runs one stage and keeps its times, parts and end. */
  stage<T>(name: StageName, work: (advance: Advance) => Promise<T>): Promise<T>;
  /** Its configuration is known. */
  begins(preset: string, config: Config, takeover: Takeover | undefined): void;
  /** Says of a stage what came out of it. */
  note(name: StageName, note: string): void;
  paused(value: boolean): void;
  /** A stage has failed and waits; undefined: none does any more. */
  held(value: HeldStage | undefined): void;
  readonly isHeld: boolean;
  training(update: (training: TrainingProgress | undefined) => TrainingProgress): void;
  /** A state is in the store, also one from between two milestones. */
  stored(state: StoredState): void;
  promotion(state: PromotionState): void;
  problem(message: string): void;
  stages(): readonly StageProgress[];
  /** All there is to say. */
  now(): RunProgress;
  /** A page says why the run has failed. */
  explained(failureReportKey: string): void;
  /** For the next execution: the course of training has its validations. */
  carried(): RunProgress;
  finish<R extends RunResult | NoChange>(result: R): R;
}

/** Starts answering the query `progress` for this workflow, whose first stages are these. */
export function openProgress(
  run: string,
  carried?: RunProgress,
  stages: readonly StageName[] = stageNames,
): Progress {
  let state: RunProgress = carried ?? {
    run,
    preset: '',
    stages: stages.map(waiting),
  };
  const update = (change: Partial<RunProgress>): void => {
    state = { ...state, ...change };
    setCurrentDetails(progressMarkdown(state, workflowInfo()));
  };
  const updateStage = (name: StageName, change: Partial<StageProgress>): void =>
    update({
      stages: state.stages.map((stage) => (stage.name === name ? { ...stage, ...change } : stage)),
    });
  setHandler(progressQuery, () => state, {
    description: 'How far the run is: stages, training milestones, and the result when done.',
  });

  const training: Progress['training'] = (change) => {
    const training = change(state.training);
    update({ training });
    tellList({
      epoch: Math.floor(training.step / training.stepsPerEpoch),
      ...(training.best && { bestAccuracy: training.best.accuracy }),
    });
    updateStage('train', { done: training.step, total: training.steps });
  };

  return {
    async stage(name, work) {
      const before = state.stages.find((stage) => stage.name === name)!;
      updateStage(name, { status: 'running', startedAt: before.startedAt ?? Date.now() });
      tellList({ stage: name });
      try {
        const result = await work((done, total) => updateStage(name, { done, total }));
        updateStage(name, { status: 'done', endedAt: Date.now() });
        return result;
      } catch (failure) {
        // The stage goes on.
        if (failure instanceof ContinueAsNew) throw failure;
        const endedAt = Date.now();
        // The run ends with its stage: there is nothing left to resume.
        update({ paused: false });
        updateStage(
          name,
          isCancellation(failure)
            ? { status: 'cancelled', endedAt }
            : { status: 'failed', endedAt, note: firstLine(failure) },
        );
        throw failure;
      }
    },
    note: (name, note) => updateStage(name, { note }),
    begins: (preset, { promotion, budget }, takeover) =>
      update({
        preset,
        ...(budget?.pricePerHour && { pricePerHour: budget.pricePerHour }),
        ...(promotion && { stages: [...state.stages, waiting('promote')] }),
        ...(takeover && {
          resumed: {
            run: takeover.workflowId,
            step: takeover.origin?.step ?? 0,
            changes: takeover.changes,
          },
        }),
      }),
    paused: (paused) => update({ paused }),
    held: (held) => update({ held }),
    get isHeld() {
      return state.held !== undefined;
    },
    training,
    stored: ({ step, at }) =>
      training((before) => {
        // Another worker may have stored a newer one.
        if (step <= before!.durableStep) return before!;
        const reached = Math.max(before!.step, step);
        return { ...before!, step: reached, durableStep: step, durableAt: at };
      }),
    promotion: (promotion) => update({ promotion }),
    problem: (message) => update({ lastProblem: { at: Date.now(), message } }),
    stages: () => state.stages,
    now: () => state,
    explained: (failureReportKey) => update({ failureReportKey }),
    carried: () => ({
      ...state,
      ...(state.training && { training: { ...state.training, validations: [] } }),
    }),
    finish(result) {
      update({ result });
      return result;
    },
  };
}

const waiting = (name: StageName): StageProgress => ({ name, status: 'waiting' });

/** A stage has one line; the problems of a configuration stand below one another in the run's outcome. */
function firstLine(failure: unknown): string {
  const message = failure instanceof Error ? rootCause(failure).message : String(failure);
  return message.split('\n', 1)[0]!.replace(/:$/, '');
}

/**
 * The failure that an activity ended with, out of Temporal's ActivityFailure. Its type and details
 * are its own; its message has those of its causes already.
 */
export function rootCause(failure: Error): Error {
  return failure instanceof ActivityFailure && failure.cause ? failure.cause : failure;
}
