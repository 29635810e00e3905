/** What a person asks of the registry of models: one activity each. */
import { workflowInfo } from '@temporalio/workflow';
import type { ByHand, Promotion } from '../activities/promote-model.ts';
import type { Rollback } from '../activities/roll-back-model.ts';
import { data } from './activities.ts';

/** Makes a run's best state the champion of a model. `input`: `{ model, run, by?, why? }`. */
export const promoteModel = (input?: unknown): Promise<Promotion> =>
  data.promoteByHand(asked(input));

/** Makes an earlier version the champion again. `input`: `{ model, to?, by?, why? }`. */
export const rollbackModel = (input?: unknown): Promise<Rollback> =>
  data.rollBackModel(asked(input));

function asked(input: unknown): ByHand {
  const { workflowId, runId: request } = workflowInfo();
  return { input, request, workflowId };
}
