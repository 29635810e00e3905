/** The signals, queries and updates a run takes: shared by the workflow and its clients. */
import { defineQuery } from '@temporalio/workflow';
import type { RunProgress } from '../contract/progress.ts';

/** How far the run is: stages, training milestones, and the result when it is done. */
export const progressQuery = defineQuery<RunProgress>('progress');
