/** Questions and orders to a server; the SDK's client is a fake that listens as the real one does. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import type { Client } from '@temporalio/client';
import { runsOf } from '../../cli/runs.ts';

/** A run, as the SDK describes one. */
const described = (name: string) => ({
  workflowId: 'a',
  startTime: new Date(),
  status: { name },
  raw: {},
});

/** Each call leaves a listener on the signal it is given, and ends with it or by `answer`. */
function clientThat(answer: () => Promise<unknown>): Client {
  let call: Promise<unknown>;
  return {
    withAbortSignal(signal: AbortSignal, ask: () => Promise<unknown>) {
      const aborted = new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('given up')));
      });
      call = Promise.race([aborted, answer()]);
      return ask();
    },
    withDeadline: (_: number, ask: () => Promise<unknown>) => ask(),
    workflow: { getHandle: () => ({ describe: () => call }) },
  } as unknown as Client;
}

test('a question that was answered leaves nothing behind on the connection', async () => {
  const closing = new AbortController();
  const runs = runsOf(
    clientThat(() => Promise.resolve(described('RUNNING'))),
    closing.signal,
  );
  for (let look = 0; look < 20; look += 1) await runs.describe('a');
  assert.equal(getEventListeners(closing.signal, 'abort').length, 0);
});

test('closing the connection gives a question under way up', async () => {
  const closing = new AbortController();
  const runs = runsOf(
    clientThat(() => new Promise(() => undefined)),
    closing.signal,
  );
  const asked = runs.describe('a');
  closing.abort();
  await assert.rejects(asked, /given up/);
});

/** A server with a run of this status; it takes every order, also one that comes too late. */
function serverWith(status: string) {
  const orders: string[] = [];
  const client = {
    withAbortSignal: (_: AbortSignal, ask: () => Promise<unknown>) => ask(),
    withDeadline: (_: number, ask: () => Promise<unknown>) => ask(),
    workflow: {
      getHandle: () => ({
        describe: async () => described(status),
        cancel: async () => void orders.push('cancel'),
        executeUpdate: async ({ name }: { name: string }) => void orders.push(name),
      }),
    },
  } as unknown as Client;
  return { orders, runs: runsOf(client, new AbortController().signal) };
}

test('a run that goes on takes orders', async () => {
  const { orders, runs } = serverWith('RUNNING');
  await runs.pause('a');
  await runs.unpause('a');
  await runs.retry('a');
  await runs.cancel('a');
  assert.deepEqual(orders, ['pause', 'resume', 'retry', 'cancel']);
});

test('a run that has ended takes no order, and it is said how it ended', async () => {
  for (const [name, message] of [
    ['COMPLETED', 'Run a has ended (completed): nothing of it is left to stop or to let go on.'],
    ['CANCELLED', /^Run a has ended \(cancelled\).+`npx nightshift resume a` goes on with it/],
    ['FAILED', /^Run a has ended \(failed\)/],
  ] as const) {
    const { orders, runs } = serverWith(name);
    for (const order of ['cancel', 'pause', 'unpause', 'retry'] as const) {
      await assert.rejects(runs[order]('a'), { name: 'CommandError', message });
    }
    assert.deepEqual(orders, []);
  }
});
