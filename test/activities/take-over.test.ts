/** What a run takes over from another one, found in the store alone. */
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { resolveConfig } from '../../activities/resolve-config.ts';
import type { ResolvedConfig } from '../../activities/resolve-config.ts';
import { runNameKey, runRecordKey } from '../../contract/keys.ts';
import { planTraining } from '../../contract/plan.ts';
import type { ValidatedState } from '../../contract/stages.ts';
import type { Decision } from '../../contract/timeline.ts';
import { digestOf } from '../../data/digest.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { checkpointAt, commitCheckpoint, manifestKeyOf } from '../../model/checkpoint.ts';
import { pruneCheckpoints } from '../../model/retention.ts';
import { writeRunRecord } from '../../model/run-record.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { testStep } from '../support/data-services.ts';
import { finishRun } from '../support/finished-run.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

/** Ten steps an epoch, four epochs; at step 20 the rate went down, the run broke off after step 30. */
const inputs = trainingInputs({ training: { batchSize: 100, epochs: 4, validateEverySteps: 10 } });
const timeline: Decision[] = [
  { fromStep: 0, numerics },
  { fromStep: 20, learningRateFactor: 0.5 },
];
const validations = [10, 20, 30].map((step): ValidatedState => ({
  ...{ step, epoch: step / 10, loss: 1, accuracy: step === 10 ? 0.9 : 0.5, top5: 1 },
  checkpoint: checkpointAt(inputs, timeline, step),
}));

let folder: string;
let store: ObjectStore;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-takeover-'));
  for (const name of [...bundleFiles, lossesFile, ledgerFile]) {
    await writeFile(join(folder, name), name);
  }
});
after(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  store = openMemoryStore();
  const plan = planTraining(inputs.samples, inputs.config.training);
  for (const step of [10, 20, 30]) {
    const checkpoint = checkpointAt(inputs, timeline, step);
    const context = { inputs, timeline, validations, plan };
    await commitCheckpoint(store, context, { checkpoint, parent: null, directory: folder });
  }
  await writeRunRecord(store, {
    run: inputs.run,
    workflowId: 'nightly',
    execution: { id: 'a', at: 1, revision: 3 },
    preset: 'quickstart',
    ...{ inputs, timeline, validations, step: 30 },
  });
});

/** As the activity does it: its log needs a context to write to. */
const resolve = (input: object): Promise<ResolvedConfig> =>
  new MockActivityEnvironment().run(() => resolveConfig({ store }, input, testStep()));

const problemOf = async (input: object): Promise<string> => {
  try {
    await resolve(input);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was taken');
};

async function flip(key: string): Promise<void> {
  const { bytes } = await store.get(key);
  bytes[bytes.length >> 1]! ^= 1;
  await store.put(key, bytes);
}

const stateKey = (step: number): string => manifestKeyOf(checkpointAt(inputs, timeline, step));

test('a run goes on from the newest state, with all decisions and validations of the other', async () => {
  const { config, preset, takeover } = await resolve({ resumeFrom: 'nightly' });
  assert.deepEqual(config, inputs.config);
  assert.equal(preset, 'quickstart');
  assert.equal(takeover?.origin?.step, 30);
  assert.equal(takeover.step, 30);
  assert.deepEqual(takeover.timeline, timeline);
  assert.deepEqual(takeover.validations, validations);
  assert.deepEqual([takeover.changes, takeover.forked, takeover.forkedFrom], [[], false, null]);
});

test("a run is known by its workflow's id and by its own", async () => {
  const byId = await resolve({ resumeFrom: inputs.run });
  assert.deepEqual(byId, await resolve({ resumeFrom: 'nightly' }));
});

test('a newest state that is damaged is passed over, and what it had reached is still known', async () => {
  await flip(stateKey(30));
  const { takeover } = await resolve({ resumeFrom: 'nightly' });
  assert.equal(takeover?.origin?.step, 20);
  assert.equal(takeover.step, 30);
  assert.deepEqual(takeover.timeline, timeline);
});

test('what was validated beyond the state and is lost is validated again, under the same decisions', async () => {
  await flip(stateKey(30));
  await flip(stateKey(20));
  const { takeover } = await resolve({ resumeFrom: 'nightly' });
  assert.deepEqual([takeover?.origin?.step, takeover?.step], [10, 20]);
  assert.deepEqual(takeover?.timeline, timeline);
  assert.deepEqual(
    takeover?.validations.map(({ step }) => step),
    [10],
  );
});

test('a record that is damaged or lost is made up for by the newest checkpoint', async () => {
  await flip(runRecordKey(inputs.run));
  const damaged = await resolve({ resumeFrom: inputs.run });
  assert.equal(damaged.takeover?.origin?.step, 30);
  assert.deepEqual(damaged.takeover.timeline, timeline);
  await store.delete([runRecordKey(inputs.run)]);
  assert.deepEqual(await resolve({ resumeFrom: inputs.run }), damaged);
});

test('a name that is damaged or lost is made anew from the records of the runs', async () => {
  const known = await resolve({ resumeFrom: 'nightly' });
  const key = runNameKey(digestOf('nightly'));
  const { bytes } = await store.get(key);
  await flip(key);
  assert.deepEqual(await resolve({ resumeFrom: 'nightly' }), known);
  assert.deepEqual((await store.get(key)).bytes, bytes);
  await store.delete([key]);
  assert.deepEqual(await resolve({ resumeFrom: 'nightly' }), known);
  assert.deepEqual((await store.get(key)).bytes, bytes);
});

test('from an earlier step, what came after it is left behind', async () => {
  const { takeover } = await resolve({ resumeFrom: { run: 'nightly', step: 10 } });
  assert.equal(takeover?.origin?.step, 10);
  assert.equal(takeover.step, 10);
  assert.deepEqual(takeover.timeline, [timeline[0]]);
  assert.deepEqual(
    takeover.validations.map(({ step }) => step),
    [10],
  );
});

test('other settings fork it from the newest state, and are shown', async () => {
  const { config, takeover } = await resolve({
    resumeFrom: 'nightly',
    training: { learningRate: { initial: 0.5 } },
  });
  assert.equal(config.training.learningRate.initial, 0.5);
  assert.equal(takeover?.forked, true);
  assert.deepEqual(takeover.forkedFrom, {
    lineage: checkpointAt(inputs, timeline, 30).lineage,
    step: 30,
  });
  assert.deepEqual(takeover.changes, ['training.learningRate.initial: 0.001 -> 0.5']);
});

test('settings that say nothing of the bits do not fork it', async () => {
  const { takeover } = await resolve({ resumeFrom: 'nightly', training: { sliceSeconds: 5 } });
  assert.equal(takeover?.forked, false);
  assert.deepEqual(takeover.changes, ['training.sliceSeconds: 600 -> 5']);
});

describe('of a run that was extended and stopped', () => {
  const ended: Decision[] = [
    ...timeline,
    { fromStep: 30, epochs: 6 },
    { fromStep: 30, stop: 'asked' },
  ];
  beforeEach(() =>
    writeRunRecord(store, {
      ...{ run: inputs.run, workflowId: 'nightly', execution: { id: 'b', at: 2, revision: 0 } },
      ...{ preset: 'quickstart', inputs, timeline: ended, validations, step: 30 },
    }),
  );
  const timelineOf = async (input: object) =>
    (await resolve({ resumeFrom: 'nightly', ...input })).takeover!.timeline;

  test('the end is taken over by whoever asks nothing else of the training', async () => {
    assert.deepEqual(await timelineOf({}), ended);
    assert.deepEqual(await timelineOf({ training: { keepCheckpoints: { newest: 3 } } }), ended);
  });

  test('with a step, or other settings, training goes on, and the extension holds', async () => {
    const open = ended.slice(0, -1);
    assert.deepEqual(await timelineOf({ resumeFrom: { run: 'nightly', step: 30 } }), open);
    assert.deepEqual(await timelineOf({ training: { weightDecay: 0.1 } }), open);
  });

  test('with another end in view training goes on, and early stop counts from there', async () => {
    const { config, takeover } = await resolve({
      resumeFrom: 'nightly',
      training: { earlyStop: { patience: 2 } },
      budget: { hours: 1 },
    });
    assert.deepEqual(config.budget, { hours: 1 });
    assert.deepEqual([takeover?.forked, takeover?.earlyStopFrom], [false, 30]);
    assert.deepEqual(takeover?.timeline, ended.slice(0, -1));
    assert.equal((await resolve({ resumeFrom: 'nightly' })).takeover?.earlyStopFrom, undefined);
  });

  test('fewer epochs than were trained are refused, those of the extension too', async () => {
    await resolve({ resumeFrom: 'nightly', training: { epochs: 3 } });
    const problem = await problemOf({ resumeFrom: 'nightly', training: { epochs: 2 } });
    assert.match(problem, /training\.epochs: 2 end after step 20, .+ of step 30/);
  });
});

test('a plateau that is another decides from there on, and for whoever goes on with that run', async () => {
  const changed = { resumeFrom: 'nightly', training: { plateau: { patience: 1 } } };
  const { config, takeover } = await resolve(changed);
  assert.deepEqual([takeover?.forked, takeover?.plateauFrom], [false, 30]);
  await writeRunRecord(store, {
    ...{ run: inputs.run, workflowId: 'nightly', execution: { id: 'b', at: 2, revision: 0 } },
    ...{ preset: 'quickstart', inputs: { ...inputs, config, plateauFrom: 15 } },
    ...{ timeline, validations, step: 30 },
  });
  assert.equal((await resolve({ resumeFrom: 'nightly' })).takeover?.plateauFrom, 15);
});

test('from a step before a rule was changed the changed one decides from that step on', async () => {
  const changedAt20 = { ...inputs, plateauFrom: 20, earlyStopFrom: 20 };
  await writeRunRecord(store, {
    ...{ run: inputs.run, workflowId: 'nightly', execution: { id: 'b', at: 2, revision: 0 } },
    ...{ preset: 'quickstart', inputs: changedAt20, timeline, validations, step: 30 },
  });
  const { takeover } = await resolve({ resumeFrom: { run: 'nightly', step: 10 } });
  assert.deepEqual([takeover?.plateauFrom, takeover?.earlyStopFrom], [10, 10]);
});

test('a validated state whose weights were let go of is no best state any more', async () => {
  await pruneCheckpoints(store, inputs, timeline, { newest: 1, steps: [] });
  const { takeover } = await resolve({ resumeFrom: 'nightly' });
  assert.deepEqual(
    takeover?.validations.map(({ checkpoint }) => checkpoint?.step ?? null),
    [null, null, 30],
  );
});

test('a run without any checkpoint gives its configuration, and begins anew', async () => {
  for (const step of [10, 20, 30]) await store.delete([stateKey(step)]);
  const { config, takeover } = await resolve({ resumeFrom: 'nightly' });
  assert.deepEqual(config, inputs.config);
  assert.deepEqual([takeover?.origin, takeover?.step, takeover?.timeline], [null, 0, []]);
});

test('a run that never began to train begins by its own input, with what is laid over it', async () => {
  const input = { preset: 'article', training: { epochs: 3, optimizer: { name: 'sgd' } } };
  const resumeFrom = { run: 'weekly', input };
  const { preset, config, takeover } = await resolve({ resumeFrom, training: { epochs: 4 } });
  assert.deepEqual([preset, takeover, config.training.epochs], ['article', undefined, 4]);
  assert.equal(config.training.optimizer.name, 'sgd');
  // One of a run that was to go on with another goes on with that.
  const again = await resolve({ resumeFrom: { run: 'w', input: { resumeFrom: 'nightly' } } });
  assert.equal(again.takeover?.step, 30);
});

test('a run that began with the champion is gone on with, and forked, by the same pinned weights', async () => {
  const begin = { weights: 'champion:pets', weightsSha256: '7'.repeat(64) };
  const promotion = { model: 'pets', warmStart: 'champion' } as const;
  await finishRun(store, 'warm', { model: begin, promotion });
  for (const own of [{}, { model: { dropout: 0.1 } }]) {
    const { config, takeover } = await resolve({ resumeFrom: 'warm', ...own });
    assert.equal(takeover?.origin?.step, 10);
    const { weights, weightsSha256 } = config.model;
    assert.deepEqual({ weights, weightsSha256 }, begin);
  }
});

test('what can not be gone on with is refused', async () => {
  assert.match(
    await problemOf({ resumeFrom: 'nightly', seed: 5 }),
    /seed: 0 -> 5 is not possible: the order of the samples/,
  );
  assert.match(
    await problemOf({ resumeFrom: 'nightly', training: { epochs: 2 } }),
    /training\.epochs: 2 end after step 20, but the state to go on from is of step 30/,
  );
  assert.match(
    await problemOf({ resumeFrom: { run: 'nightly', step: 25 } }),
    /no whole checkpoint of step 25: give one of those it has: 30, 20, 10 /,
  );
  assert.match(
    await problemOf({ resumeFrom: 'weekly' }),
    /no run "weekly" is in bucket memory: give a run's name/,
  );
  assert.match(await problemOf({ resumeFrom: 7 }), /resumeFrom: 7: must be a run, or/);
  assert.match(
    await problemOf({ resumeFrom: 'nightly', preset: 'article' }),
    /preset: not beside resumeFrom/,
  );
});

test('a record of an execution that was reset is not written over by it', async () => {
  const late = (id: string, at: number, revision: number, step: number) => ({
    ...{ run: inputs.run, workflowId: 'nightly', execution: { id, at, revision } },
    ...{ preset: 'quickstart', inputs, timeline, validations, step },
  });
  await writeRunRecord(store, late('b', 3, 0, 20));
  await writeRunRecord(store, late('a', 2, 9, 30));
  assert.equal((await resolve({ resumeFrom: 'nightly' })).takeover?.step, 20);
});
