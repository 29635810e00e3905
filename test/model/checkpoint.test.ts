/** Checkpoints in the store: which is the newest, and what is let go of. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { planTraining } from '../../contract/plan.ts';
import type { Decision } from '../../contract/timeline.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import {
  checkpointAt,
  checkpointsDownFrom,
  commitCheckpoint,
  fetchBundle,
  manifestKeyOf,
} from '../../model/checkpoint.ts';
import { pruneCheckpoints } from '../../model/retention.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { overlayStore } from '../support/overlay-store.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const inputs = trainingInputs();
const plan = planTraining(inputs.samples, inputs.config.training);
const timeline: Decision[] = [{ fromStep: 0, numerics }];
/** At step 20 another rate was set. */
const branched: Decision[] = [...timeline, { fromStep: 20, learningRateFactor: 0.5 }];

let directory: string;
let store: ObjectStore;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nightshift-checkpoint-'));
  for (const name of [...bundleFiles, lossesFile, ledgerFile]) {
    await writeFile(join(directory, name), name);
  }
});
after(() => rm(directory, { recursive: true }));
beforeEach(() => void (store = openMemoryStore()));

async function commit(step: number, decisions = timeline): Promise<void> {
  const checkpoint = checkpointAt(inputs, decisions, step);
  const context = { inputs, timeline: decisions, validations: [], plan };
  await commitCheckpoint(store, context, { checkpoint, parent: null, directory });
}

async function stepsDownFrom(upToStep: number, decisions = timeline): Promise<number[]> {
  const steps: number[] = [];
  const found = checkpointsDownFrom(store, inputs, decisions, upToStep, () => undefined);
  for await (const { step } of found) steps.push(step);
  return steps;
}

test('states are found newest first, none beyond the step that is asked for', async () => {
  for (const step of [10, 20, 30]) await commit(step);
  assert.deepEqual(await stepsDownFrom(30), [30, 20, 10]);
  assert.deepEqual(await stepsDownFrom(29), [20, 10]);
  assert.deepEqual(await stepsDownFrom(9), []);
});

test('after a decision, what lies beyond it on the abandoned way is not found', async () => {
  for (const step of [10, 20, 30]) await commit(step);
  assert.deepEqual(await stepsDownFrom(30, branched), [20, 10]);
  await commit(30, branched);
  assert.deepEqual(await stepsDownFrom(40, branched), [30, 20, 10]);
});

test('a damaged manifest is reported and passed over', async () => {
  for (const step of [10, 20]) await commit(step);
  const key = manifestKeyOf(checkpointAt(inputs, timeline, 20));
  const { bytes } = await store.get(key);
  bytes[bytes.length >> 1]! ^= 1;
  await store.put(key, bytes);
  const damaged: number[] = [];
  const found = checkpointsDownFrom(store, inputs, timeline, 20, ({ step }) => damaged.push(step));
  for await (const { step } of found) assert.equal(step, 10);
  assert.deepEqual(damaged, [20]);
});

test('a byte that differs within the variables is seen when they are fetched', async () => {
  await commit(10);
  const found = checkpointsDownFrom(store, inputs, timeline, 10, () => undefined);
  for await (const manifest of found) {
    const { key } = manifest.files.find(({ name }) => name === bundleFiles[1])!;
    await store.put(key, Buffer.from(bundleFiles[1].replace('v', 'w')));
    const target = await mkdtemp(join(directory, 'fetch-'));
    await assert.rejects(fetchBundle(store, manifest, target), { name: 'DamagedObject' });
  }
});

test('pruning keeps the newest and the named ones, and of the others losses and ledger', async () => {
  for (const step of [10, 20, 30, 40]) await commit(step);
  await pruneCheckpoints(store, inputs, timeline, { newest: 2, steps: [10] });
  assert.deepEqual(await stepsDownFrom(40), [40, 30, 10]);
  const kept: string[] = [];
  for await (const { key } of store.list('')) if (/000020\//.test(key)) kept.push(key);
  assert.deepEqual(
    new Set(kept.map((key) => key.split('/').at(-1))),
    new Set([ledgerFile, lossesFile, 'manifest.json']),
  );
});

test('of what is pruned nothing is read again', async () => {
  for (const step of [10, 20, 30]) await commit(step);
  await pruneCheckpoints(store, inputs, timeline, { newest: 1, steps: [] });
  const read: string[] = [];
  const watched = overlayStore(store, {
    get(key, options) {
      read.push(key);
      return store.get(key, options);
    },
  });
  await pruneCheckpoints(watched, inputs, timeline, { newest: 1, steps: [] });
  assert.deepEqual(read, [manifestKeyOf(checkpointAt(inputs, timeline, 30))]);
});

test('pruning twice is pruning once', async () => {
  for (const step of [10, 20, 30]) await commit(step);
  for (let time = 0; time < 2; time += 1) {
    await pruneCheckpoints(store, inputs, timeline, { newest: 1, steps: [] });
    assert.deepEqual(await stepsDownFrom(30), [30]);
  }
});
