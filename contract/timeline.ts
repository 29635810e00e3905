/** The decisions taken on the way, in absolute steps: with configuration and inputs, all that a run's state depends on. */

/** What must be equal for two machines to compute the same bits. */
export interface Numerics {
  /** SHA-256 of the training graph. */
  readonly graph: string;
  readonly tensorflow: string;
  /** `cpu`, or the name of the GPU. */
  readonly device: string;
  /** The widest vector instructions the processor has, as oneDNN chooses its kernels by them. */
  readonly instructions: string;
  readonly threads: number;
  readonly precision: 'float32' | 'bfloat16';
}

/** What of them a reader wants to know: `cpu (avx512, 2 threads), float32`. */
export function numericsText({ device, instructions, threads, precision }: Numerics): string {
  return `${device} (${instructions}, ${threads} threads), ${precision}`;
}

/** One decision: from step `fromStep` (counted from 0) on, the steps are taken so. */
export interface Decision {
  readonly fromStep: number;
  readonly numerics?: Numerics;
  /** Set by hand: stands for `training.learningRate.initial`. */
  readonly learningRate?: number;
  /** Set after a plateau: multiplies the scheduled learning rate. */
  readonly learningRateFactor?: number;
}

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
