/** Questions and orders to a server; the SDK's client is a fake that listens as the real one does. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import type { Client } from '@temporalio/client';
import { runsOf } from '../../cli/runs.ts';

/** Each call leaves a listener on the signal it is given, and ends with it or by `answer`. */
function clientThat(answer: () => Promise<void>): Client {
  let call: Promise<void>;
  return {
    withAbortSignal(signal: AbortSignal, ask: () => Promise<void>) {
      const aborted = new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('given up')));
      });
      call = Promise.race([aborted, answer()]);
      return ask();
    },
    withDeadline: (_: number, ask: () => Promise<void>) => ask(),
    workflow: { getHandle: () => ({ cancel: () => call }) },
  } as unknown as Client;
}

test('a question that was answered leaves nothing behind on the connection', async () => {
  const closing = new AbortController();
  const runs = runsOf(
    clientThat(() => Promise.resolve()),
    closing.signal,
  );
  for (let look = 0; look < 20; look += 1) await runs.cancel('a');
  assert.equal(getEventListeners(closing.signal, 'abort').length, 0);
});

test('closing the connection gives a question under way up', async () => {
  const closing = new AbortController();
  const runs = runsOf(
    clientThat(() => new Promise(() => undefined)),
    closing.signal,
  );
  const asked = runs.cancel('a');
  closing.abort();
  await assert.rejects(asked, /given up/);
});
