/** Stores what a run has come to, and lets go of the checkpoints it no longer needs. */
import type { RunRecord } from '../contract/stages.ts';
import { pruneCheckpoints } from '../model/retention.ts';
import { writeRunRecord } from '../model/run-record.ts';
import type { DataServices } from './services.ts';

export interface MilestoneInput {
  readonly record: RunRecord;
  /** Checkpoints that stay whole: so many of the newest, and those of these steps. */
  readonly keep: { readonly newest: number; readonly steps: readonly number[] };
}

export async function keepMilestone(
  { store }: Pick<DataServices, 'store'>,
  { record, keep }: MilestoneInput,
): Promise<void> {
  await writeRunRecord(store, record);
  await pruneCheckpoints(store, record.inputs, record.timeline, keep);
}
