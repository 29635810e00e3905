/** What a webhook is told at a run's end. */
import { z } from 'zod';
import type { NoChange, RunResult, StageName } from './progress.ts';

/** Credentials in it would be shown with it, and `fetch` takes none. */
export const webhookAddressSchema = z.url({ protocol: /^https?$/ }).refine((address) => {
  const { username, password } = new URL(address);
  return username === '' && password === '';
}, 'must name no user and no password');

export type WebhookEvent = {
  readonly run: string;
  readonly workflowId: string;
} & (
  | { readonly event: 'completed'; readonly result: RunResult }
  | { readonly event: 'no change'; readonly result: NoChange }
  | { readonly event: 'cancelled' }
  /** Which stage, why, and the key of the page that says more, where one could be written. */
  | {
      readonly event: 'failed';
      readonly stage: StageName | null;
      readonly message: string;
      readonly reportKey?: string;
    }
);
