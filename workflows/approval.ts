/** A person's word on a promotion, waited for until a deadline. */
import { ApplicationFailure, condition, setHandler } from '@temporalio/workflow';
import { problemLines } from '../contract/problem-lines.ts';
import { decisionSchema } from '../contract/promotion.ts';
import type { PromotionDecision } from '../contract/promotion.ts';
import { approvePromotionUpdate, rejectPromotionUpdate } from './messages.ts';

export interface Word {
  readonly approved: boolean;
  readonly decision: PromotionDecision;
}

export interface Approval {
  /** What a person has said, and stands by: also where the stage fails afterwards and is tried again. */
  readonly word: Word | undefined;
  /** Without a word until the deadline, in epoch milliseconds, that is a rejection. */
  wait(deadline: number): Promise<Word>;
}

/** Starts taking the updates. */
export function openApproval(): Approval {
  /** The deadline of whoever waits. */
  let until: number | undefined;
  let word: Word | undefined;
  const validator = (decision: unknown): void => {
    if (until === undefined) throw refusal('no promotion awaits approval');
    const { error } = decisionSchema.safeParse(decision ?? {});
    const lines = error?.issues.flatMap((issue) =>
      problemLines(issue, decision, 'give { "by": .., "why": .. }'),
    );
    if (lines) throw refusal(`the decision is not valid: ${lines.join('; ')}`);
  };
  const take =
    (approved: boolean) =>
    (decision: PromotionDecision): void => {
      until = undefined;
      word = { approved, decision: decisionSchema.parse(decision) };
    };
  setHandler(approvePromotionUpdate, take(true), {
    description: 'Make the model the champion: { "by": who, "why": reason }.',
    validator,
  });
  setHandler(rejectPromotionUpdate, take(false), {
    description: 'Keep the champion there is: { "by": who, "why": reason }.',
    validator,
  });
  return {
    get word() {
      return word;
    },
    async wait(deadline) {
      until = deadline;
      await condition(() => word !== undefined, deadline - Date.now());
      // A stage that was tried again waits until a later one.
      if (until === deadline) until = undefined;
      return word ?? { approved: false, decision: nobody };
    },
  };
}

const nobody: PromotionDecision = { by: 'nobody', why: 'no one decided before the deadline' };

const refusal = (problem: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(problem, 'InvalidUpdate');
