/** Stores what a run has come to, and lets go of the checkpoints it no longer needs. */
import type { RunRecord } from '../contract/stages.ts';
import { pruneCheckpoints } from '../model/retention.ts';
import { writeRunRecord } from '../model/run-record.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';

export interface MilestoneInput {
  readonly record: RunRecord;
  /** Checkpoints that stay whole: so many of the newest, and those of these steps. */
  readonly keep: { readonly newest: number; readonly steps: readonly number[] };
}

export async function keepMilestone(
  { store }: Pick<DataServices, 'store'>,
  { record, keep }: MilestoneInput,
  { signal }: Pick<Step, 'signal'>,
): Promise<void> {
  // What the run keeps is for its latest execution and milestone to say.
  if (!(await writeRunRecord(store, record, { signal }))) return;
  await pruneCheckpoints(store, record.inputs, record.timeline, keep, { signal });
}
