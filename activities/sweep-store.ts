/** Lets go of what lost attempts left in the store. */
import { log } from '@temporalio/activity';
import { orphanAgeMs } from '../contract/timing.ts';
import { sweep } from '../model/retention.ts';
import type { Swept } from '../model/retention.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';

export async function sweepStore(
  { store }: Pick<DataServices, 'store'>,
  { signal }: Pick<Step, 'signal'>,
): Promise<Swept> {
  const swept = await sweep(store, { olderThanMs: orphanAgeMs, signal });
  const { objects, bytes, uploads } = swept;
  if (objects + uploads > 0) {
    log.info(`swept ${objects} orphans (${bytes} bytes) and ${uploads} uploads that never ended`);
  }
  return swept;
}
