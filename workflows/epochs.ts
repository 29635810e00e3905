/** Augmented shards, made one epoch ahead of the trainer; a failure shows when the epoch is asked for. */
import { CancellationScope } from '@temporalio/workflow';
import type { TrainingInputs } from '../contract/stages.ts';
import { prepareEpoch } from './prepare.ts';
import type { Trust } from './prepare.ts';

export interface EpochsAhead {
  prepare(epoch: number): void;
  /** Resolves once the epoch's shards are there; after a failure it begins anew. */
  ready(epoch: number): Promise<void>;
  /** Makes what is missing or damaged of them again. */
  remake(epoch: number): void;
  /** Resolves once nothing of an epoch is on its way any more, or the scope is cancelled. */
  over(epoch: number): Promise<void>;
  /** No shard is on its way. */
  readonly isIdle: boolean;
}

export function epochsAhead(inputs: TrainingInputs): EpochsAhead {
  const prepared = new Map<number, Promise<void>>();
  const scope = new CancellationScope();
  let underWay = 0;
  const start = (epoch: number, trust: Trust): void => {
    // Not the segment's that asks for it: a pause must not end it.
    const shards = scope.run(() => prepareEpoch(inputs, epoch, trust));
    prepared.set(epoch, shards);
    underWay += 1;
    const end = (): void => void (underWay -= 1);
    shards.then(end, () => {
      end();
      if (prepared.get(epoch) === shards) prepared.delete(epoch);
    });
  };
  const prepare = (epoch: number): void => {
    if (!prepared.has(epoch)) start(epoch, 'trust');
  };
  return {
    prepare,
    ready(epoch) {
      prepare(epoch);
      return prepared.get(epoch) as Promise<void>;
    },
    remake: (epoch) => start(epoch, 'verify'),
    async over(epoch) {
      const shards = prepared.get(epoch)?.catch(() => undefined);
      await Promise.race([shards, CancellationScope.current().cancelRequested]);
    },
    get isIdle() {
      return underWay === 0;
    },
  };
}
