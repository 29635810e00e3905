/** The states of the best validations, where the interval between saved states is one of time. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Validation } from '../../contract/progress.ts';
import { checkpointAt } from '../../model/checkpoint.ts';
import { readLosses } from '../../model/run-trace.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { openSegments } from '../support/segments.ts';
import type { Segments } from '../support/segments.ts';
import { numerics } from '../support/training-inputs.ts';
import type { TrainingWorker } from '../support/training-worker.ts';

let store: ObjectStore;
let segments: Segments;
beforeEach(async () => {
  store = openMemoryStore();
  segments = await openSegments(store, { validateEverySteps: 5 });
});
afterEach(() => segments.remove());

/** Trains on to the validations of these steps, and tells what they found. */
async function train(
  worker: TrainingWorker,
  accuracies: ReadonlyMap<number, number>,
  before: readonly Validation[] = [],
): Promise<Validation[]> {
  const validations = [...before];
  for (const [step, accuracy] of accuracies) {
    worker.trainer.scoreAt(step, accuracy);
    const reached = validations.at(-1)?.step ?? 0;
    const { validation } = await segments.run(worker, reached, step, validations);
    validations.push(validation!);
  }
  return validations;
}

async function storedSteps(): Promise<number[]> {
  const steps = [5, 10, 15, 20];
  const states = await Promise.all(steps.map((step) => segments.state(step)));
  return steps.filter((_, index) => states[index] !== undefined);
}

test('only the best state is stored, with the next one that is saved', async () => {
  const worker = await segments.newWorker();
  const found = new Map([
    [5, 0.5],
    [10, 0.6],
    [15, 0.55],
  ]);
  const validations = await train(worker, found);
  assert.deepEqual(await storedSteps(), []);
  await train(worker, new Map([[20, 0.4]]), validations);
  assert.deepEqual(await storedSteps(), [10, 20]);
});

test('the record of the steps goes past a best state', async () => {
  const found = new Map([
    [5, 0.5],
    [10, 0.6],
    [20, 0.4],
  ]);
  await train(await segments.newWorker(), found);
  const last = checkpointAt(segments.inputs, [{ fromStep: 0, numerics }], 20);
  const losses = await readLosses(store, last);
  assert.equal(losses.filter(Number.isFinite).length, 20);
});

test('a best state that was lost with its worker is stored when it is passed again', async () => {
  const found = new Map([
    [5, 0.5],
    [10, 0.6],
  ]);
  const validations = await train(await segments.newWorker(), found);
  const other = await segments.newWorker();
  const { loadedStep, validation } = await segments.run(other, 10, 15, validations);
  assert.deepEqual([loadedStep, validation?.step], [0, 15]);
  await segments.settled();
  assert.deepEqual(await storedSteps(), [10]);
});
