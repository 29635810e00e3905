/** What the workflow is told when a step fails: the type, the cause in the message, whether to try again. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { programOf } from '../../activities/train-steps.ts';
import { durable, durableIn } from '../../activities/durable.ts';
import { NightshiftError, fewTries } from '../../contract/failures.ts';
import { startTrainer } from '../../model/trainer-client.ts';
import { StorageAccessError } from '../../storage/store.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const place = { bucket: 'b', key: 'k' };

/** What the `attempt`th attempt at a step fails with when its body throws this. */
async function failureOf(thrown: unknown, attempt = 1): Promise<ApplicationFailure> {
  const failed = new MockActivityEnvironment({ attempt }).run(() =>
    durable(() => Promise.reject(thrown as Error)),
  );
  const failure: unknown = await failed.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof ApplicationFailure);
  return failure;
}

test('expired credentials are not tried again, and the message has their cause', async () => {
  const cause = new Error('ExpiredToken: the token has expired');
  const failure = await failureOf(new StorageAccessError(place, 'the store refuses', { cause }));
  assert.equal(failure.type, 'StorageAccess');
  assert.equal(failure.nonRetryable, true);
  assert.equal(failure.message, 's3://b/k: the store refuses: ExpiredToken: the token has expired');
});

test('a full disk is waited for, however long', async () => {
  const failure = await failureOf(new Error('ENOSPC: no space left on device, write'), 1_000);
  assert.deepEqual([failure.type, failure.nonRetryable], ['Unavailable', false]);
});

test('a scratch folder that was removed while the worker lives is made again', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'nightshift-state-'));
  t.after(() => rm(state, { recursive: true }));
  const scratch = join(state, 'scratch', '1-worker');
  const made = await new MockActivityEnvironment().run(() =>
    durableIn(scratch)(() => mkdtemp(join(scratch, 'augment-'))),
  );
  assert.match(made as string, /scratch\/1-worker\/augment-/);
});

test('a full disk is said to be one, with what is free, where, and that the run waits', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'nightshift-state-'));
  t.after(() => rm(state, { recursive: true }));
  const scratch = join(state, 'scratch');
  const told = '/s/variables.data-00000-of-00001; No space left on device';
  const tensorflow = `Session fail to run with error: ${told}\n\t [[{{node save}}]]\nHint: OOM`;
  const failure: unknown = await new MockActivityEnvironment()
    .run(() => durableIn(scratch)(() => Promise.reject(new Error(tensorflow))))
    .catch((error: unknown) => error);
  assert.ok(failure instanceof ApplicationFailure);
  assert.equal(failure.type, 'Unavailable');
  assert.match(failure.message, /^the disk is full: \d+ MB are free for .+NIGHTSHIFT_STATE/);
  assert.ok(failure.message.endsWith(`the run waits, and goes on by itself. (${told})`));
});

test('what the workflow must mend first is not tried as it is', async () => {
  const failure = await failureOf(
    new NightshiftError('ShardsMissing', 'not whole', { details: { epoch: 2 } }),
  );
  assert.deepEqual([failure.type, failure.nonRetryable], ['ShardsMissing', true]);
  assert.deepEqual(failure.details, [{ epoch: 2 }]);
});

test('a defect is tried a few times', async () => {
  assert.equal((await failureOf(new TypeError('no such thing'), fewTries - 1)).nonRetryable, false);
  assert.equal((await failureOf(new TypeError('no such thing'), fewTries)).nonRetryable, true);
});

test('a trainer that crashes in native code is named with its signal, and tried again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-crash-'));
  t.after(() => rm(folder, { recursive: true }));
  const script = join(folder, 'crash.mjs');
  await writeFile(script, 'process.kill(process.pid, "SIGSEGV")');
  const died = await startTrainer(pathToFileURL(script), programOf(trainingInputs()), () =>
    assert.fail('it reads no shards'),
  ).then(
    () => undefined,
    (error: unknown) => error,
  );
  const failure = await failureOf(died);
  assert.deepEqual([failure.type, failure.nonRetryable], ['TrainerDied', false]);
  assert.match(failure.message, /killed by SIGSEGV/);
});

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

test('a step that is stopped and can not save what it held says that', async () => {
  const environment = new MockActivityEnvironment();
  const stopped = environment.run(() =>
    durable(async () => {
      environment.cancel('CANCELLED');
      throw new NightshiftError('StateNotSaved', 'the disk is full');
    }),
  );
  await assert.rejects(stopped, { type: 'StateNotSaved', nonRetryable: true });
});

test('a cancelled step is told to the workflow as the SDK does', async () => {
  assert.ok((await endOf('CANCELLED')) instanceof CancelledFailure);
});

test('what a step last reported goes with its failure, after the details of its own, and with its interruption', async () => {
  const endAfterReport = async (reason: 'CANCELLED' | 'WORKER_SHUTDOWN' | undefined) => {
    const environment = new MockActivityEnvironment();
    const failed = environment.run(() =>
      durable(async (step) => {
        step.report({ step: 5 });
        if (reason) environment.cancel(reason);
        throw new NightshiftError('ShardsMissing', 'not whole', { details: { epoch: 2 } });
      }),
    );
    const failure: unknown = await failed.catch((error: unknown) => error);
    return (failure as ApplicationFailure | CancelledFailure).details;
  };
  assert.deepEqual(await endAfterReport(undefined), [{ epoch: 2 }, { step: 5 }]);
  assert.deepEqual(await endAfterReport('CANCELLED'), [null, { step: 5 }]);
  assert.deepEqual(await endAfterReport('WORKER_SHUTDOWN'), [null, { step: 5 }]);
});
