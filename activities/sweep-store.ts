/** Lets go of what lost attempts left in the store, and of views and features that nobody asks for any more. */
import { log } from '@temporalio/activity';
import { orphanAgeMs } from '../contract/timing.ts';
import { sweep } from '../model/retention.ts';
import { sweepStages } from '../model/stage-retention.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { stagesInUse } from './stages-in-use.ts';

export interface SweepInput {
  /** The run's own `augment.keepDays`: for what says nothing of it itself. */
  readonly keepDays: number;
}

export async function sweepStore(
  { store }: Pick<DataServices, 'store'>,
  { keepDays }: SweepInput,
  runningWorkflows: AsyncIterable<string>,
  { signal }: Pick<Step, 'signal'>,
): Promise<void> {
  const { objects, bytes, uploads } = await sweep(store, { olderThanMs: orphanAgeMs, signal });
  if (objects + uploads > 0) {
    log.info(`swept ${objects} orphans (${bytes} bytes) and ${uploads} uploads that never ended`);
  }
  const inUse = await stagesInUse(store, runningWorkflows, { signal });
  const swept = await sweepStages(store, { days: keepDays, inUse, signal });
  if (swept.stages > 0) {
    log.info(`let go of ${swept.stages} stages (${swept.objects} objects, ${swept.bytes} bytes)`);
  }
}
