/** Whether a run that stops for a while frees the GPU, and what it says is stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handBack } from '../../activities/hand-back.ts';
import { stateKeyOf } from '../../activities/resume-state.ts';
import { programOf } from '../../activities/train-steps.ts';
import { openUploads } from '../../activities/uploads.ts';
import type { Durable } from '../../activities/uploads.ts';
import { NightshiftError } from '../../contract/failures.ts';
import { checkpointAt } from '../../model/checkpoint.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';
import { openFakeTrainer } from './fake-trainer.ts';

const inputs = trainingInputs();
const input = {
  ...{ inputs, timeline: [{ fromStep: 0, numerics }], validations: [] },
  ...{ best: [], reachedStep: 10, seenStep: 10, toStep: 10 },
};

test('what this worker has brought to the store is told, if the decisions lead to it', async () => {
  const { lineage } = checkpointAt(inputs, input.timeline, 12);
  const handedBack = (durable?: Durable) =>
    handBack(
      { trainer: openFakeTrainer(numerics), uploads: { ...openUploads(), durable: () => durable } },
      input,
    );
  assert.deepEqual(await handedBack({ lineage, step: 12, at: 34 }), { step: 12, at: 34 });
  assert.equal(await handedBack({ lineage: 'of a branch that was reset', step: 12, at: 34 }), null);
  assert.equal(await handedBack(), null);
});

test('a state that could not be saved is told, once what was saved before is stored', async () => {
  let isSettled = false;
  const trainer = openFakeTrainer(numerics);
  const close = () => Promise.reject(new NightshiftError('StateNotSaved', 'the disk is full'));
  const uploads = { ...openUploads(), settled: async () => void (isSettled = true) };
  const handedBack = handBack({ trainer: { ...trainer, close }, uploads }, input);
  await assert.rejects(handedBack, { name: 'StateNotSaved' });
  assert.ok(isSettled);
});

/** Whether the trainer's process is ended that holds this state. */
async function isClosed(stateKey: string | undefined): Promise<boolean> {
  const fake = openFakeTrainer(numerics);
  await fake.useWarm(programOf(inputs), async (warm) => void (warm.stateKey = stateKey));
  let closed = false;
  const trainer = { ...fake, close: async () => void (closed = true) };
  await handBack({ trainer, uploads: openUploads() }, input);
  return closed;
}

test('a trainer that holds the state of the run is ended', async () => {
  assert.ok(await isClosed(stateKeyOf(input, 10)));
});

test('a trainer whose state nobody knows after a failure is ended too', async () => {
  assert.ok(await isClosed(undefined));
});

test('a trainer that holds the state of another run goes on', async () => {
  assert.equal(await isClosed('the state of another run'), false);
});
