/** The decisions taken on the way, in absolute steps: with configuration and inputs, all that a run's state depends on. */
import { z } from 'zod';

/** What must be equal for two machines to compute the same bits. */
export const numericsSchema = z.strictObject({
  /** SHA-256 of the training graph. */
  graph: z.string(),
  tensorflow: z.string(),
  /** `cpu`, or the name of the GPU. */
  device: z.string(),
  /** The widest vector instructions the processor has, as oneDNN chooses its kernels by them. */
  instructions: z.string(),
  threads: z.int().min(0),
  precision: z.enum(['float32', 'bfloat16']),
});
export type Numerics = z.infer<typeof numericsSchema>;

/** What of them a reader wants to know: `cpu (avx512, 2 threads), float32`. */
export function numericsText({ device, instructions, threads, precision }: Numerics): string {
  return `${device} (${instructions}, ${threads} threads), ${precision}`;
}

/** Why training ends before the last planned step: told to, its budget is spent, or a controller's rule holds. */
export const stopReasonSchema = z.enum(['asked', 'budget', 'early stop', 'target']);
export type StopReason = z.infer<typeof stopReasonSchema>;

/** One decision: from step `fromStep` (counted from 0) on, the steps are taken so. */
export const decisionSchema = z.strictObject({
  fromStep: z.int().min(0),
  numerics: numericsSchema.exactOptional(),
  /** Set by hand: stands for `training.learningRate.initial`. */
  learningRate: z.number().positive().exactOptional(),
  /** Set after a plateau: multiplies the scheduled learning rate. */
  learningRateFactor: z.number().positive().exactOptional(),
  /** Extended by hand: stands for `training.epochs`, in a schedule of the learning rate too. */
  epochs: z.int().positive().exactOptional(),
  /** No step is taken any more: that of this number would have been the next one. */
  stop: stopReasonSchema.exactOptional(),
});
export type Decision = z.infer<typeof decisionSchema>;

/** The decisions that the state after `step` steps depends on. */
export function decisionsBefore(timeline: readonly Decision[], step: number): Decision[] {
  return timeline.filter((decision) => decision.fromStep < step);
}

/** What the decisions say of `what` at step `step`; undefined when none does. */
export function decided<What extends Exclude<keyof Decision, 'fromStep'>>(
  timeline: readonly Decision[],
  what: What,
  step: number,
): Decision[What] | undefined {
  return timeline.findLast(
    (decision) => decision.fromStep <= step && decision[what] !== undefined,
  )?.[what];
}
