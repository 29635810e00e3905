/** What becomes of a run's model once it is trained, as every view tells it. */
import { z } from 'zod';
import type { Gate } from './gate.ts';

/** A person's word on a promotion: the input of `approvePromotion` and `rejectPromotion`. */
export const decisionSchema = z.strictObject({
  by: z.string().trim().min(1),
  why: z.string().trim().min(1),
});
export type PromotionDecision = z.infer<typeof decisionSchema>;

export interface PromotionState {
  readonly model: string;
  /** `refused`: by the gate; `rejected`: by a person, or since none has decided by the deadline. */
  readonly status: 'awaiting approval' | 'promoted' | 'champion already' | 'refused' | 'rejected';
  readonly gate: Gate;
  /** The champion that the gate compared with; null: there was none. */
  readonly champion: { readonly generation: number; readonly workflowId: string } | null;
  /** Of the champion that the run's model has become. */
  readonly generation?: number;
  /** Until when a person may decide, in epoch milliseconds. */
  readonly deadline?: number;
  /** Who has decided, where a person had to. */
  readonly decision?: PromotionDecision;
}

/** What became of it, in one sentence. */
export function promotionSentence(state: PromotionState): string {
  const { model, status, gate, champion, generation, deadline, decision } = state;
  const decided = decision === undefined ? '' : `, by ${decision.by}: ${decision.why}`;
  switch (status) {
    case 'awaiting approval':
      return `The model passed the gate, and awaits approval as champion of ${model} until ${dayAndTime(deadline!)}.`;
    case 'promoted':
      return `The model is the champion of ${model}, generation ${generation}${champion ? `, in place of the model of run ${champion.workflowId}` : ', its first'}${decided}.`;
    case 'champion already':
      return `The model is the champion of ${model} already: the same weights.`;
    case 'rejected':
      return `The model passed the gate, but was not promoted${decided}.`;
    case 'refused': {
      const failed = gate.rules.filter(({ passed }) => !passed);
      return `The model did not pass the gate of ${model}: ${failed.map(({ text }) => text).join('; ')}.`;
    }
  }
}

/** A rule of the gate as a line. */
export const ruleLine = ({ rule, passed, text }: Gate['rules'][number]): string =>
  `${passed ? '✓' : '✗'} ${rule}: ${text}`;

const dayAndTime = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
