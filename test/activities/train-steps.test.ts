/** A segment of training: where it begins, what it stores, and what it refuses. */
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { ModelServices } from '../../activities/services.ts';
import { describeStage } from '../../activities/stages.ts';
import { trainSteps } from '../../activities/train-steps.ts';
import { openUploads } from '../../activities/uploads.ts';
import { NightshiftError } from '../../contract/failures.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { checkpointManifestSchema, shardSetManifestSchema } from '../../contract/manifests.ts';
import type { Validation } from '../../contract/progress.ts';
import { augmentedShards } from '../../contract/stages.ts';
import type { AskedState, Segment, TrainingInputs } from '../../contract/stages.ts';
import type { Decision } from '../../contract/timeline.ts';
import { bundleFiles } from '../../model/checkpoint-files.ts';
import { checkpointAt, manifestKeyOf } from '../../model/checkpoint.ts';
import { openCache } from '../../storage/cache.ts';
import { commitManifest, readManifest } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { openSegments } from '../support/segments.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';
import { openFakeTrainer } from './fake-trainer.ts';
import type { FakeTrainer } from './fake-trainer.ts';
import { noMetrics } from '../support/no-metrics.ts';

const fromStart: Decision[] = [{ fromStep: 0, numerics }];
/** Ten steps an epoch, two epochs. */
const inputs = trainingInputs({
  training: { batchSize: 100, epochs: 2, validateEverySteps: 10, checkpointEverySteps: 10 },
});

let folder: string;
let store: ObjectStore;
let trainer: FakeTrainer;
let services: ModelServices;

before(async () => void (folder = await mkdtemp(join(tmpdir(), 'nightshift-segment-'))));
after(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  store = openMemoryStore();
  await commitShards(inputs.train);
  await commitShards(inputs.validation);
  for (const epoch of [0, 1]) {
    const { digest } = await describeStage(store, augmentedShards(inputs, epoch));
    await commitShards(digest);
  }
  trainer = openFakeTrainer(numerics);
  services = await newWorker();
});

/** A worker of its own over the same store: what another one saved locally it does not see. */
async function newWorker(): Promise<ModelServices> {
  const cache = await openCache({
    directory: await mkdtemp(join(folder, 'cache-')),
    maxBytes: 1e6,
  });
  return {
    store,
    openBucket: async () => store,
    cache,
    scratch: await mkdtemp(join(folder, 'scratch-')),
    downloads: folder,
    trainer,
    uploads: openUploads(),
    metrics: noMetrics,
    workerQueue: 'gpu-test',
  };
}

async function commitShards(digest: string): Promise<void> {
  await commitManifest(store, stageManifestKey(digest), shardSetManifestSchema, {
    version: 1,
    generation: 0,
    attempt: 'test',
    files: [],
    kind: 'shards',
    digest,
    inputs: [],
    operation: 'test',
    parameters: {},
    classes: [...inputs.classes],
    samples: inputs.samples,
    shards: [],
  });
}

function segment(
  reachedStep: number,
  toStep: number,
  options: {
    of?: TrainingInputs;
    timeline?: Decision[];
    validations?: Validation[];
    enoughAfterSeconds?: number;
    signal?: AbortSignal;
    onReport?: (beat: unknown) => void;
    asked?: AskedState;
  } = {},
): Promise<Segment> {
  const {
    of = inputs,
    timeline = fromStart,
    validations = [],
    enoughAfterSeconds,
    asked,
  } = options;
  const { signal = new AbortController().signal } = options;
  const step = { signal, attempt: randomUUID(), report: options.onReport ?? (() => undefined) };
  // The activity's log needs a context to write to.
  return new MockActivityEnvironment().run(
    trainSteps,
    services,
    {
      ...{ inputs: of, timeline, validations, best: [] },
      ...{ reachedStep, seenStep: reachedStep, toStep },
      ...(enoughAfterSeconds !== undefined && { enoughAfterSeconds }),
      ...(asked && { asked }),
    },
    step,
  );
}

const checkpointKey = (step: number): string =>
  manifestKeyOf(checkpointAt(inputs, fromStart, step));

const isStored = async (step: number): Promise<boolean> =>
  (await store.head(checkpointKey(step))) !== undefined;

test('a segment stores a state at each interval and validates at its milestone', async () => {
  const beats: { phase: string }[] = [];
  const first = await segment(0, 10, { onReport: (beat) => beats.push(beat as { phase: string }) });
  assert.equal(first.step, 10);
  assert.equal(first.loadedStep, 0);
  assert.deepEqual(first.validation, { step: 10, epoch: 1, loss: 1, accuracy: 0.5, top5: 1 });
  await services.uploads.settled(inputs.run);
  assert.deepEqual(await Promise.all([4, 5, 9, 10].map(isStored)), [false, true, false, true]);
  assert.deepEqual(
    [...new Set(beats.map(({ phase }) => phase))],
    ['training', 'saving', 'validating'],
  );
});

test('the next segment goes on with the state the trainer holds', async () => {
  await segment(0, 10);
  const second = await segment(10, 20);
  assert.equal(second.loadedStep, null);
  assert.equal(second.durableStep, 20, 'the last one waits for its uploads');
  assert.equal(trainer.asked.filter(({ type }) => type === 'load').length, 1);
});

test('until a worker has stored a state, the newest there is the one it has loaded', async () => {
  await segment(0, 10);
  await services.uploads.settled(inputs.run);
  trainer.die();
  services = await newWorker();
  const first = await segment(10, 12);
  const second = await segment(12, 14);
  assert.deepEqual([first.durableStep, second.durableStep], [10, 10]);
});

test('where the step reached is enough, none is taken that was not lost', async () => {
  const enough = { enoughAfterSeconds: 0 };
  const first = await segment(0, 10, enough);
  assert.deepEqual([first.step, first.validation], [1, null], 'one there must be');
  await segment(1, 8);
  assert.equal((await segment(8, 10, enough)).step, 8);
  await services.uploads.settled(inputs.run);
  trainer.die();
  services = await newWorker();
  const again = await segment(8, 10, enough);
  assert.deepEqual([again.loadedStep, again.step], [5, 8]);
});

test('where a stopped training ends its state is validated, and stored', async () => {
  await segment(0, 7);
  const timeline: Decision[] = [...fromStart, { fromStep: 7, stop: 'asked' }];
  const last = await segment(7, 7, { timeline });
  assert.deepEqual([last.validation?.step, last.durableStep], [7, 7]);
  assert.ok(await isStored(7));
});

test('where a validation has ended training the state is stored, and not validated again', async () => {
  const { validation } = await segment(0, 10);
  const timeline: Decision[] = [...fromStart, { fromStep: 10, stop: 'target' }];
  const last = await segment(10, 10, { timeline, validations: [validation!] });
  assert.deepEqual([last.validation, last.durableStep], [null, 10]);
});

/** The store writes nothing until what this gives is called. */
function holdWrites(): () => void {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  services = {
    ...services,
    store: {
      ...store,
      put: (...args) => released.then(() => store.put(...args)),
      putFile: (...args) => released.then(() => store.putFile(...args)),
    },
  };
  return release;
}

test('training runs no further ahead of the store than an interval, and waits there', async () => {
  const release = holdWrites();
  const run = segment(0, 20);
  await setTimeout(100);
  assert.equal(trainer.state, 10);
  release();
  assert.equal((await run).step, 20);
});

test('no more than an interval goes by without a saved state where uploads become faster meanwhile', async () => {
  const segments = await openSegments(store, { validateEverySteps: 20, checkpointEverySteps: 9 });
  const worker = await segments.newWorker();
  // Each fifth step first, then each ninth: none of these is from 10 to 17.
  const uploads = {
    ...worker.uploads,
    get seconds() {
      return worker.trainer.state < 9 ? undefined : 0;
    },
  };
  await segments.run({ ...worker, uploads }, 0, 20);
  assert.ok(await segments.state(5));
  assert.ok(await segments.state(14));
  await segments.remove();
});

test('what is stopped in its validation is stored, under the decisions it was trained by', async () => {
  const { checkpointEverySteps: _, ...training } = inputs.config.training;
  const often = { ...training, validateEverySteps: 5 };
  const of = { ...inputs, config: { ...inputs.config, training: often } };
  const timeline = [...fromStart, { fromStep: 10, learningRate: 0.0001 }];
  const stop = new AbortController();
  const onReport = (beat: unknown): void => {
    if ((beat as { phase: string }).phase !== 'validating') return;
    stop.abort();
    throw new Error('paused');
  };
  await segment(0, 10, { of });
  await assert.rejects(segment(10, 15, { of, timeline, signal: stop.signal, onReport }), /paused/);
  const isThere = async (by: Decision[]): Promise<boolean> =>
    (await store.head(manifestKeyOf(checkpointAt(of, by, 15)))) !== undefined;
  assert.deepEqual([await isThere(timeline), await isThere(fromStart)], [true, false]);
});

test('one that is stopped while it waits for the store has its state saved', async () => {
  const release = holdWrites();
  const stop = new AbortController();
  const run = segment(0, 20, { signal: stop.signal });
  await setTimeout(100);
  stop.abort(new Error('paused'));
  release();
  await assert.rejects(run, /paused/);
  assert.ok(await isStored(10));
});

test('a dead trainer goes on from the newest state', async () => {
  await segment(0, 10);
  trainer.die();
  const next = await segment(10, 15);
  assert.equal(next.loadedStep, 10);
  assert.equal(next.step, 15);
});

test('of a trainer that dies the step it had come to is told', async () => {
  trainer.dieAfter(7);
  await assert.rejects(segment(0, 10), { name: 'TrainerDied', details: { step: 7 } });
});

test('of a trainer that dies as it saves no part of the state stays on the disk', async () => {
  trainer.dieSaving(5);
  await assert.rejects(segment(0, 10), { name: 'TrainerDied' });
  trainer.dieSaving(7);
  await assert.rejects(segment(7, 7), { name: 'TrainerDied' });
  await services.uploads.settled(inputs.run);
  assert.deepEqual(await readdir(services.scratch), []);
});

test('a state that was saved before its worker died in validation is validated, with no step taken', async () => {
  await segment(0, 10);
  await services.uploads.settled(inputs.run);
  trainer.die();
  services = await newWorker();
  const again = await segment(0, 10);
  assert.equal(again.loss, null);
  assert.equal(again.images, 0);
  assert.equal(again.loadedStep, 10);
  assert.equal(again.validation?.step, 10);
  assert.equal((await segment(10, 15)).loadedStep, null, 'it was resumed once');
});

test('of a damaged state an older one does, and the damaged one is written anew', async () => {
  const before = await segment(0, 10);
  await services.uploads.settled(inputs.run);
  const key = await variablesOf(10);
  const { bytes: whole } = await store.get(key);
  const damaged = whole.slice();
  damaged[5]! ^= 1;
  await store.put(key, damaged);
  trainer.die();
  services = await newWorker();
  const again = await segment(10, 10);
  assert.equal(again.loadedStep, 5);
  assert.equal(again.checkpoint.lineage, before.checkpoint.lineage);
  assert.equal(again.durableStep, 10, 'who asks for a state again has it in the store');
  const renewed = await variablesOf(10);
  assert.notEqual(renewed, key);
  assert.deepEqual((await store.get(renewed)).bytes, whole);
});

test('a state that is asked for again is stored, also where the plan saves none', async () => {
  assert.equal((await segment(7, 7)).durableStep, 7);
  assert.ok(await isStored(7));
});

test('who asks for the state reached has it stored, and validated where no plan says so', async () => {
  await segment(0, 5);
  const at5 = await segment(5, 10, { enoughAfterSeconds: 0, asked: { validation: true } });
  assert.deepEqual([at5.step, at5.durableStep, at5.images], [5, 5, 0]);
  assert.equal(at5.validation, null, 'nothing is decided by it');
  assert.deepEqual(at5.lookedAt, { step: 5, epoch: 1, loss: 1, accuracy: 0.5, top5: 1 });
  assert.equal((await segment(5, 10)).loadedStep, null, 'the trainer goes on with it');
});

/** Where the variables of the state after `step` steps lie. */
async function variablesOf(step: number): Promise<string> {
  const manifest = await readManifest(store, checkpointKey(step), checkpointManifestSchema);
  return manifest!.files.find(({ name }) => name === bundleFiles[1])!.key;
}

test("an epoch's shards that are not there are named", async () => {
  const { digest } = await describeStage(store, augmentedShards(inputs, 1));
  await store.delete([stageManifestKey(digest)]);
  await segment(0, 10);
  await assert.rejects(segment(10, 20), { name: 'ShardsMissing', details: { epoch: 1 } });
});

test('where records give out on the way the state is kept, and the epoch named', async () => {
  trainer.starveAfter(13);
  await segment(0, 10);
  await assert.rejects(segment(10, 20), {
    name: 'ShardsMissing',
    details: { epoch: 1 },
    cause: new NightshiftError('DamagedObject', 's3://b/k: is missing'),
  });
  const { loadedStep, step } = await segment(10, 20);
  assert.deepEqual([loadedStep, step], [13, 20]);
});

test('another hardware is refused, with the step that any worker can go on from', async () => {
  await segment(0, 10);
  const other = { ...numerics, threads: 8 };
  trainer = openFakeTrainer(other);
  services = { ...services, trainer };
  await assert.rejects(segment(10, 20), {
    name: 'NumericsDiffer',
    details: { numerics: other, step: 10 },
  });
  assert.ok(await isStored(10));
});

test('another hardware validates a state that is there only where that is decided', async () => {
  await segment(0, 10);
  await services.uploads.settled(inputs.run);
  const other = { ...numerics, threads: 8 };
  trainer = openFakeTrainer(other);
  services = { ...(await newWorker()), trainer };
  await assert.rejects(segment(0, 10), {
    name: 'NumericsDiffer',
    details: { numerics: other, step: 10 },
  });
  const timeline = [...fromStart, { fromStep: 10, numerics: other }];
  const validated = await segment(10, 10, { timeline });
  assert.equal(validated.validation?.step, 10);
  assert.deepEqual(validated.checkpoint, checkpointAt(inputs, fromStart, 10));
});

test('any hardware may bring a state back that was validated already', async () => {
  const { validation } = await segment(0, 10);
  await services.uploads.settled(inputs.run);
  trainer = openFakeTrainer({ ...numerics, threads: 8 });
  services = { ...(await newWorker()), trainer };
  assert.equal((await segment(10, 10, { validations: [validation!] })).step, 10);
});

test('after a change of hardware the old states lead up to it, and the new ones have a lineage of their own', async () => {
  await segment(0, 10);
  const other = { ...numerics, threads: 8 };
  trainer = openFakeTrainer(other);
  services = { ...services, trainer };
  const timeline = [...fromStart, { fromStep: 10, numerics: other }];
  const next = await segment(10, 20, { timeline });
  assert.equal(next.loadedStep, 10);
  assert.notEqual(next.checkpoint.lineage, checkpointAt(inputs, fromStart, 20).lineage);
  assert.equal(await isStored(20), false);
});

test("a segment across a change of hardware is refused by either: some of its steps are the other's", async () => {
  const other = { ...numerics, threads: 8 };
  const timeline = [...fromStart, { fromStep: 10, numerics: other }];
  for (const its of [numerics, other]) {
    services = { ...(await newWorker()), trainer: openFakeTrainer(its) };
    await assert.rejects(segment(0, 20, { timeline }), {
      name: 'NumericsDiffer',
      details: { numerics: its, step: 0 },
    });
  }
});

test('a loss that is no number ends the segment, and the newest checkpoint is named', async () => {
  trainer.divergeAfter(7);
  await assert.rejects(segment(0, 10), {
    name: 'Diverged',
    message: 'step 7: no loss; run run-1: its newest checkpoint from before is of step 5',
  });
  assert.ok(await isStored(5));
});

test('weights whose loss is no number are not the checkpoint to go on from, though stored', async () => {
  await segment(0, 10);
  await services.uploads.settled(inputs.run);
  trainer.die();
  services = await newWorker();
  trainer.divergeAfter(15);
  await assert.rejects(segment(10, 20), {
    message: 'step 15: no loss; run run-1: its newest checkpoint from before is of step 10',
  });
  assert.ok(await isStored(15));
});

test('a stopped segment has stored what it saved before it hands back', async () => {
  const stop = new AbortController();
  const onReport = (beat: unknown): void => {
    if ((beat as { phase: string }).phase === 'saving') stop.abort(new Error('worker shuts down'));
  };
  await assert.rejects(segment(0, 10, { signal: stop.signal, onReport }), /worker shuts down/);
  assert.ok(await isStored(5));
});
