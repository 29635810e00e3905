/** What of a run's end a webhook is told, on a real Temporal server. */
import { ApplicationFailure } from '@temporalio/activity';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { WebhookCall } from '../../activities/call-webhook.ts';
import { openHarness, training } from './harness.ts';
import type { Harness } from './harness.ts';

let harness: Harness;
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

const webhook = 'https://example.org/hook';

test('a run that came to its end is told of, with its result', async () => {
  const calls: WebhookCall[] = [];
  const callWebhook = async (call: WebhookCall) => void calls.push(call);
  const { result } = await harness.run({ callWebhook }, { training, webhook });
  const [{ webhook: address, event }] = calls as [WebhookCall];
  assert.equal(address, webhook);
  assert.deepEqual(event.event === 'completed' && event.result, result);
});

test('of a run that failed it is told which stage, and why', async () => {
  const calls: WebhookCall[] = [];
  const callWebhook = async (call: WebhookCall) => void calls.push(call);
  const splitDataset = async () => {
    throw ApplicationFailure.nonRetryable('made it fail', 'InvalidData');
  };
  await assert.rejects(harness.run({ callWebhook, splitDataset }, { training, webhook }));
  const { event } = calls[0]!;
  assert.deepEqual(event.event === 'failed' && [event.stage, event.message], [
    'split',
    'made it fail',
  ]);
});

test('of a run whose configuration is refused it is told, too', async () => {
  const calls: WebhookCall[] = [];
  const callWebhook = async (call: WebhookCall) => void calls.push(call);
  await assert.rejects(harness.run({ callWebhook }, { training: { epocs: 3 }, webhook }));
  const [{ webhook: address, event }] = calls as [WebhookCall];
  assert.equal(address, webhook);
  assert.equal(event.event === 'failed' && event.stage, 'configure');
  await assert.rejects(harness.run({ callWebhook }, { training, webhook: 'no address' }));
  assert.equal(calls.length, 1);
});

test('a webhook that is not heard fails no run, and it is said', async () => {
  const callWebhook = async () => {
    throw ApplicationFailure.nonRetryable('answers 404', 'Unavailable');
  };
  const { progress, result } = await harness.run({ callWebhook }, { training, webhook });
  assert.equal(result.steps, 12);
  assert.match(progress.lastProblem!.message, /the webhook was not told of the end: answers 404/);
});
