/** What the workflow is told of a step that was broken off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { durable } from '../../activities/durable.ts';

/** How a step ends that is broken off for this reason. */
async function endOf(reason: 'WORKER_SHUTDOWN' | 'CANCELLED'): Promise<unknown> {
  const environment = new MockActivityEnvironment();
  const step = environment.run(() =>
    durable(async ({ signal }) => {
      environment.cancel(reason);
      signal.throwIfAborted();
    }),
  );
  return step.then(
    () => undefined,
    (failure: unknown) => failure,
  );
}

test('of a worker that stops it says so, and the step is tried again', async () => {
  const failure = await endOf('WORKER_SHUTDOWN');
  assert.ok(failure instanceof ApplicationFailure);
  assert.equal(failure.type, 'WorkerShutdown');
  assert.equal(failure.nonRetryable, false);
  assert.match(failure.message, /told to stop/);
});

test('a cancelled step is told to the workflow as the SDK does', async () => {
  assert.ok((await endOf('CANCELLED')) instanceof CancelledFailure);
});
