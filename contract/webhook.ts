/** What a webhook is told at a run's end. */
import type { NoChange, RunResult, StageName } from './progress.ts';

export type WebhookEvent = {
  readonly run: string;
  readonly workflowId: string;
} & (
  | { readonly event: 'completed'; readonly result: RunResult }
  | { readonly event: 'no change'; readonly result: NoChange }
  | { readonly event: 'cancelled' }
  /** Which stage, and why. */
  | { readonly event: 'failed'; readonly stage: StageName | null; readonly message: string }
);
