/** Which states belong to a run: a digest for each stretch of steps between two decisions. */
import { digestOf } from '../data/digest.ts';
import type { TrainingInputs } from '../contract/stages.ts';
import { trainingIdentity } from '../contract/forks.ts';
import { decisionsBefore } from '../contract/timeline.ts';
import type { Decision } from '../contract/timeline.ts';

/** The states after `afterStep` < k <= `upToStep` steps lie under this lineage. */
export interface LineageStretch {
  readonly lineage: string;
  readonly afterStep: number;
  readonly upToStep: number;
}

/** The run's chain of lineages, oldest first: each decision starts a new one, with the old as its parent. */
export function lineageChain(
  inputs: TrainingInputs,
  timeline: readonly Decision[],
): LineageStretch[] {
  let lineage = digestOf({
    config: trainingIdentity(inputs.config),
    split: inputs.split,
    weights: inputs.weights,
    classes: inputs.classes,
    train: inputs.train,
    forkedFrom: inputs.forkedFrom,
  });
  const chain: LineageStretch[] = [];
  timeline.forEach((decision, index) => {
    lineage = digestOf({ parent: lineage, decision });
    const upToStep = timeline[index + 1]?.fromStep ?? Number.MAX_SAFE_INTEGER;
    if (upToStep > decision.fromStep) {
      chain.push({ lineage, afterStep: decision.fromStep, upToStep });
    }
  });
  return chain;
}

/** The lineage under which the state after `step` (>= 1) steps lies. */
export function lineageAt(
  inputs: TrainingInputs,
  timeline: readonly Decision[],
  step: number,
): string {
  const stretch = lineageChain(inputs, decisionsBefore(timeline, step)).at(-1);
  if (!stretch)
    throw new Error(`step ${step}: no decision holds there; the first is from step 0 on`);
  return stretch.lineage;
}
