/** What is stored at each milestone, and where a decision is taken: the run's record; and which checkpoints stay whole. */
import { log, workflowInfo } from '@temporalio/workflow';
import type { TrainingInputs } from '../contract/stages.ts';
import { quick } from './activities.ts';
import type { Course } from './course.ts';
import { problemOf } from './problem.ts';
import type { Progress } from './progress.ts';

/** Names of the run that its record carries. */
interface RunNames {
  readonly inputs: TrainingInputs;
  readonly workflowId: string;
  readonly preset: string;
}

/** Milestones are stored beside training: one only waits for the one before. */
export interface Milestones {
  /** Says what went wrong with the one before: this one stores all that it would have. */
  keep(course: Course, step: number, durableStep: number): Promise<void>;
  /** Resolves once the last one is stored, or has failed, which is said. */
  over(): Promise<void>;
  /** Resolves once the last one is stored; one that has failed is tried again, and throws what goes wrong then. */
  settled(): Promise<void>;
}

export function keepMilestones(
  { inputs, workflowId, preset }: RunNames,
  progress: Progress,
): Milestones {
  const { newest, best } = inputs.config.training.keepCheckpoints;
  let revision = 0;
  let store = (): Promise<void> => Promise.resolve();
  let last = store();
  const say = (failure: unknown): void => {
    const { message } = problemOf(failure);
    progress.problem(`a milestone was not stored, the next one stands for it: ${message}`);
    log.warn('a milestone was not stored', { problem: message });
  };
  return {
    async keep(course, step, durableStep) {
      await last.catch(say);
      // A best state may be on its way to the store: until it is there, the one before it stays.
      const isThere = (state: { step: number }): boolean => state.step <= durableStep;
      const kept = [...course.best().slice(0, best), ...course.best(isThere).slice(0, best)];
      const { timeline, validations } = course;
      // One that was reset has the start of the one before, but writes later.
      const execution = { id: workflowInfo().runId, at: Date.now(), revision: revision++ };
      const milestone = {
        record: {
          ...{ run: inputs.run, workflowId, execution, preset, inputs },
          ...{ timeline, validations, step },
        },
        keep: { newest, steps: [...new Set(kept.map((state) => state.step))] },
      };
      store = () =>
        quick.keepMilestone.executeWithOptions({ summary: `step ${step}` }, [milestone]);
      last = store();
      // Its failure is heard of when the next one is due.
      last.catch(() => undefined);
    },
    over: () => last.catch(say),
    settled: () => (last = last.catch(() => store())),
  };
}
