/** A run that a user stops, and goes on with: the same weights as if it had never been stopped. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { runsOf } from '../../cli/runs.ts';
import { cpuQueue } from '../../contract/queues.ts';
import type { RunProgress, RunResult } from '../../contract/progress.ts';
import {
  extendEpochsUpdate,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  stopAndFinishUpdate,
} from '../../workflows/messages.ts';
import { cifarArchive } from '../support/cifar-archive.ts';
import { startStack } from '../support/stack.ts';
import type { TestStack } from '../support/stack.ts';

let stack: TestStack;
let input: { readonly dataset: object; readonly training: object };
let undisturbed: RunResult;

/** About twelve steps (a split by class takes what the data have), of which every third is validated; the best of these and the last have their states stored. */
before(async () => {
  stack = await startStack();
  input = {
    dataset: { source: await cifarArchive(), limit: 200 },
    training: {
      ...{ epochs: 2, batchSize: 20, validateEverySteps: 3 },
      plateau: { patience: 1 },
      keepCheckpoints: { newest: 4 },
    },
  };
  // With an interval in steps each validation has its state stored: a fork goes on from one of them.
  const training = { ...input.training, checkpointEverySteps: 100 };
  undisturbed = await resultOf(await start('undisturbed', { ...input, training }));
});
after(() => stack.stop());

const start = (workflowId: string, args: object): Promise<WorkflowHandle> =>
  stack.client.workflow.start('trainingPipeline', {
    ...{ workflowId, taskQueue: cpuQueue },
    args: [args],
  });

/** The result; a failure says what failed at the bottom of it. */
async function resultOf(handle: WorkflowHandle): Promise<RunResult> {
  try {
    return (await handle.result()) as RunResult;
  } catch (error) {
    let cause = error as Error;
    while (cause.cause instanceof Error) cause = cause.cause;
    throw cause;
  }
}

/** Resolves once the run has reached this step of training. */
async function reached(handle: WorkflowHandle, step: number): Promise<RunProgress> {
  for (;;) {
    const progress = await handle.query(progressQuery);
    if ((progress.training?.step ?? -1) >= step) return progress;
    await sleep(50);
  }
}

test('a paused run frees its GPU, and ends with the same weights once it is resumed', async () => {
  const handle = await start('paused', input);
  await reached(handle, 3);
  await handle.executeUpdate(pauseUpdate);
  assert.deepEqual(stack.trainers(), []);
  assert.equal((await handle.query(progressQuery)).paused, true);
  await handle.executeUpdate(resumeUpdate);
  const result = await resultOf(handle);
  assert.equal(result.finalDigest, undisturbed.finalDigest);
  assert.equal(result.modelDigest, undisturbed.modelDigest);
});

test('a cancelled run is gone on with by another, to the same weights and the same losses', async () => {
  const handle = await start('cancelled', input);
  await reached(handle, 6);
  await handle.cancel();
  await assert.rejects(handle.result());
  const other = await start('taken-over', { resumeFrom: 'cancelled' });
  const result = await resultOf(other);
  assert.equal(result.finalDigest, undisturbed.finalDigest);
  assert.equal(result.modelDigest, undisturbed.modelDigest);
  assert.equal(result.testLoss, undisturbed.testLoss);
  assert.ok((await other.query(progressQuery)).resumed!.step >= 6);
});

test('a run that was cancelled before it trained is begun anew by what it was started with', async () => {
  const handle = await start('early', input);
  await handle.cancel();
  await assert.rejects(handle.result());
  const runs = runsOf(stack.client, new AbortController().signal);
  const place = { run: 'early', input: await runs.input('early') };
  const result = await resultOf(await start('begun-anew', { resumeFrom: place }));
  assert.equal(result.finalDigest, undisturbed.finalDigest);
});

test('a fork goes on from the same state with other settings, and says which', async () => {
  const from = { run: 'undisturbed', step: 6 };
  const fork = await start('forked', { resumeFrom: from, training: { epochs: 3 } });
  const result = await resultOf(fork);
  // Three epochs instead of two.
  assert.equal(result.steps, (undisturbed.steps / 2) * 3);
  assert.notEqual(result.finalDigest, undisturbed.finalDigest);
  const { resumed } = await fork.query(progressQuery);
  assert.deepEqual(resumed, {
    run: 'undisturbed',
    step: 6,
    changes: ['training.epochs: 2 -> 3'],
  });
});

test('a run that is stopped finishes by the states it has; one that is extended trains on from them', async () => {
  const handle = await start('stopped', { ...input, training: { ...input.training, epochs: 50 } });
  await reached(handle, 3);
  await handle.executeUpdate(stopAndFinishUpdate);
  const stopped = await resultOf(handle);
  assert.equal(stopped.stopped, 'asked');
  const { validations, durableStep } = (await handle.query(progressQuery)).training!;
  assert.deepEqual([validations.at(-1)!.step, durableStep], [stopped.steps, stopped.steps]);
  assert.ok((await stack.store.head(stopped.reportKey)) !== undefined);

  const place = { run: 'stopped', step: stopped.steps };
  const epochs = Math.ceil(stopped.steps / (undisturbed.steps / 2)) + 1;
  const again = await start('extended', { resumeFrom: place, training: { epochs } });
  await reached(again, stopped.steps);
  await again.executeUpdate(extendEpochsUpdate, { args: [{ epochs: epochs + 1 }] });
  const extended = await resultOf(again);
  assert.equal(extended.steps, (undisturbed.steps / 2) * (epochs + 1));
  assert.equal(extended.stopped, undefined);
});
