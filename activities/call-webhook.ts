/** Tells a webhook of a run's end, in a signed POST. */
import { createHmac } from 'node:crypto';
import { NightshiftError } from '../contract/failures.ts';
import type { WebhookEvent } from '../contract/webhook.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';

export interface WebhookCall {
  /** An address, or `worker`: the one that this worker knows. */
  readonly webhook: string;
  readonly event: WebhookEvent;
}

const answerMs = 10_000;

/**
 * Signed over `<timestamp>.<body>` by a key that only the worker and the receiver know; the time
 * lets the receiver refuse an old call that someone repeats. Throws `Unavailable` while it is not taken.
 */
export async function callWebhook(
  { webhook: settings = {} }: Pick<DataServices, 'webhook'>,
  { webhook, event }: WebhookCall,
  { signal }: Pick<Step, 'signal'>,
): Promise<void> {
  const address = webhook === 'worker' ? settings.address : webhook;
  if (address === undefined) throw unset('NIGHTSHIFT_WEBHOOK', 'the address');
  if (settings.key === undefined) throw unset('NIGHTSHIFT_WEBHOOK_KEY', 'the key to sign with');
  const body = JSON.stringify({ version: 1, ...event });
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', settings.key).update(`${timestamp}.${body}`).digest('hex');
  // Only the host is named, and no cause: an address may hold a secret.
  const { host } = new URL(address);
  let status: number;
  try {
    ({ status } = await fetch(address, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'nightshift-timestamp': timestamp,
        'nightshift-signature': `sha256=${signature}`,
      },
      body,
      // What follows a redirect would be a GET without the event.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
    }));
  } catch (error) {
    const { name, cause } = error as Error;
    const why = (cause as NodeJS.ErrnoException | undefined)?.code ?? name;
    throw new NightshiftError('Unavailable', `the webhook at ${host} does not answer: ${why}`);
  }
  if (status < 200 || status > 299) {
    throw new NightshiftError('Unavailable', `the webhook at ${host} answers ${status}`);
  }
}

const unset = (variable: string, what: string): NightshiftError =>
  new NightshiftError(
    'InvalidConfig',
    `webhook: ${variable}, ${what}, is not set in this worker's environment`,
  );
