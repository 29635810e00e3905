/** Augmented shards, made one epoch ahead of the trainer; a failure shows when the epoch is asked for. */
import { CancellationScope } from '@temporalio/workflow';
import type { TrainingPlan } from '../contract/plan.ts';
import type { TrainingInputs } from '../contract/stages.ts';
import { prepareEpoch } from './prepare.ts';
import type { Trust } from './prepare.ts';

export interface EpochsAhead {
  prepare(epoch: number): void;
  /** Resolves once the epoch's shards are there; after a failure it begins anew. */
  ready(epoch: number): Promise<void>;
  /** Makes what is missing or damaged of them again. */
  remake(epoch: number): void;
}

export function epochsAhead(inputs: TrainingInputs, plan: TrainingPlan): EpochsAhead {
  const prepared = new Map<number, Promise<void>>();
  const scope = new CancellationScope();
  const start = (epoch: number, trust: Trust): void => {
    // Not the segment's that asks for it: a pause must not end it.
    const shards = scope.run(() => prepareEpoch(inputs, epoch, trust));
    prepared.set(epoch, shards);
    shards.catch(() => {
      if (prepared.get(epoch) === shards) prepared.delete(epoch);
    });
  };
  const prepare = (epoch: number): void => {
    if (epoch < plan.epochs && !prepared.has(epoch)) start(epoch, 'trust');
  };
  return {
    prepare,
    ready(epoch) {
      prepare(epoch);
      return prepared.get(epoch) as Promise<void>;
    },
    remake: (epoch) => start(epoch, 'verify'),
  };
}
