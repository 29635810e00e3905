/** The workflow on a real Temporal server, with activities that fail as the test says. */
import { ApplicationFailure } from '@temporalio/activity';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { durable } from '../../activities/durable.ts';
import { runningWorkflows } from '../../activities/running-workflows.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { FailureType } from '../../contract/failures.ts';
import type { PartedStage, TrainStepsInput } from '../../contract/stages.ts';
import { numerics } from '../support/training-inputs.ts';
import { fakeActivities, segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Harness } from './harness.ts';

let harness: Harness;
const run: Harness['run'] = (...how) => harness.run(...how);
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

/** A failure as an activity throws it; it is not tried again by Temporal. */
const failure = (type: FailureType, details: unknown[] = []): ApplicationFailure =>
  ApplicationFailure.create({ type, message: `made ${type}`, nonRetryable: true, details });

/** Segments that come to their end, but for the first one: it fails as a real one does. */
function failingOnce(type: FailureType, details?: unknown): Activities['trainSteps'] {
  let calls = 0;
  return (input) =>
    durable(async () => {
      if (calls++ > 0) return segmentTo(input);
      throw new NightshiftError(type, `made ${type}`, { details, cause: new Error('no such key') });
    });
}

/** Whether the run ended by an activity's failure of this type. */
const endedBy =
  (type: FailureType) =>
  ({ cause }: Error): boolean =>
    ((cause as Error).cause as ApplicationFailure).type === type;

test('training goes from milestone to milestone, and the best state is predicted with', async () => {
  const asked: [number, number][] = [];
  const { result, progress } = await run({
    async trainSteps(input) {
      asked.push([input.reachedStep, input.toStep]);
      return segmentTo(input);
    },
  });
  assert.deepEqual(asked, [
    [0, 3],
    [3, 6],
    [6, 9],
    [9, 12],
  ]);
  assert.equal(result.bestStep, 12);
  assert.equal(result.resumes, 0);
  assert.equal(progress.training?.step, 12);
  assert.equal(progress.training?.loss, 2);
});

test('what was taken of pretrained weights is said, and they go on to training and the report', async () => {
  let reported: string | undefined;
  const usual = fakeActivities({});
  const { progress } = await run(
    {
      async trainSteps(input) {
        assert.equal(input.inputs.weights?.conventions.topology, 'slim');
        return segmentTo(input);
      },
      async writeReport(request) {
        reported = request.weights?.address;
        return usual.writeReport(request);
      },
    },
    { training, model: { weights: '/weights.tar.gz' } },
  );
  assert.equal(
    progress.stages.find(({ name }) => name === 'ingest')!.note,
    '270 variables loaded from /weights.tar.gz; not taken: logits/weights; new: head/kernel, head/bias',
  );
  assert.equal(reported, '/weights.tar.gz');
});

test('what came out of the split is said', async () => {
  const { progress } = await run({}, { training });
  assert.equal(
    progress.stages.find(({ name }) => name === 'split')!.note,
    'train 60, validation 20, test 20',
  );
});

test("an epoch's shards are made while the epoch before it trains", async () => {
  const made: number[] = [];
  const madeBefore: number[][] = [];
  await run({
    async augmentShard({ stage }) {
      made.push(stage.view);
    },
    async trainSteps(input) {
      // Time enough for what is asked for at the same time.
      await new Promise((resolve) => setTimeout(resolve, 300));
      madeBefore.push([...made]);
      return segmentTo(input);
    },
  });
  assert.deepEqual(madeBefore, [
    [0, 1],
    [0, 1, 2],
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ]);
});

test('a segment that found its state made, with no step of its own, is a segment', async () => {
  const { result, progress } = await run({
    trainSteps: async (input) =>
      segmentTo(input, input.toStep === 6 ? { loss: null, images: 0, seconds: 0 } : {}),
  });
  assert.equal(result.steps, 12);
  assert.equal(progress.training?.validations.length, 4);
});

test('a segment that ends before its milestone is gone on with', async () => {
  const asked: [number, number][] = [];
  await run({
    async trainSteps(input) {
      asked.push([input.reachedStep, input.toStep]);
      return segmentTo(input, input.reachedStep === 3 ? { step: 4, validation: null } : {});
    },
  });
  assert.deepEqual(asked.slice(1, 3), [
    [3, 6],
    [4, 6],
  ]);
});

test('missing shards are verified and made again, and training goes on', async () => {
  const opened: PartedStage[] = [];
  const usual = fakeActivities({});
  const { result, progress } = await run({
    async openStage(stage) {
      opened.push(stage);
      return { ...(await usual.openStage(stage)), sealed: true };
    },
    async augmentShard({ stage }) {
      assert.equal(stage.view, 1, 'only what is missing is made');
    },
    trainSteps: failingOnce('ShardsMissing', { epoch: 1 }),
  });
  assert.equal(opened.filter((stage) => stage.kind === 'augmented' && stage.view === 1).length, 2);
  assert.equal(progress.lastProblem!.message, 'made ShardsMissing: no such key');
  assert.equal(result.steps, 12);
});

test('shards that could not be made ahead are made when their turn comes', async () => {
  let failed = 0;
  const { result } = await run({
    async augmentShard({ stage }) {
      if (stage.view === 2 && failed++ === 0) throw failure('Unexpected');
    },
  });
  assert.equal(failed, 2);
  assert.equal(result.steps, 12);
});

test('damaged base shards are verified, and made again', async () => {
  let written = 0;
  const { result } = await run({
    writeShard: async () => void written++,
    trainSteps: failingOnce('DamagedObject'),
  });
  assert.equal(written, 6, 'each side twice');
  assert.equal(result.steps, 12);
});

test('pretrained weights are made anew with the damaged data, as they were', async () => {
  const remade: string[] = [];
  await run(
    {
      remakeWeights: async ({ digest }) => void remade.push(digest),
      trainSteps: failingOnce('DamagedObject'),
    },
    { training, model: { weights: '/weights.tar.gz' } },
  );
  assert.deepEqual(remade, ['1'.repeat(64)]);
});

test('another hardware goes on from the durable state, and the result says so', async () => {
  const timelines: TrainStepsInput['timeline'][] = [];
  const other = { ...numerics, threads: 8 };
  const { result, progress } = await run({
    async trainSteps(input) {
      timelines.push(input.timeline);
      if (input.toStep === 9 && input.timeline.length === 1) {
        throw failure('NumericsDiffer', [{ numerics: other, step: 5 }]);
      }
      return segmentTo(input);
    },
  });
  assert.deepEqual(timelines.at(-1), [
    { fromStep: 0, numerics },
    { fromStep: 5, numerics: other },
  ]);
  assert.deepEqual(result.notBitEqual, ['from step 5: on cpu (avx2, 8 threads), float32']);
  // The validation of step 6 was of a state that will not come again: it is made anew.
  assert.deepEqual(
    progress.training?.validations.map(({ step }) => step),
    [3, 6, 9, 12],
  );
});

test('under training.strict another hardware ends the run', async () => {
  const input = { training: { ...training, strict: true } };
  const ended = run(
    {
      async trainSteps() {
        throw failure('NumericsDiffer', [{ numerics, step: 0 }]);
      },
    },
    input,
  );
  await assert.rejects(ended, endedBy('NumericsDiffer'));
});

test('a configuration with problems has one line in its stage', async () => {
  let id = '';
  const usual = fakeActivities({});
  const resolveConfig: Activities['resolveConfig'] = (input) =>
    durable(() => usual.resolveConfig(input));
  const ended = run({ resolveConfig }, { seed: -1, training: { epochs: 0 } }, async (handle) => {
    id = handle.workflowId;
  });
  await assert.rejects(ended, endedBy('InvalidConfig'));
  const { stages } = await harness.progressOf(id);
  assert.equal(stages[0]!.note, 'the configuration is not valid');
});

test('what a retry can not mend ends the run at once', async () => {
  let tries = 0;
  const ended = run({
    async trainSteps() {
      tries += 1;
      throw failure('Diverged');
    },
  });
  await assert.rejects(ended, endedBy('Diverged'));
  assert.equal(tries, 1);
});

test('the best state that is durable is kept until a better one is', async () => {
  const kept: (readonly number[])[] = [];
  await run({
    keepMilestone: async ({ keep }) => void kept.push(keep.steps),
    trainSteps: async (input) => segmentTo(input, { durableStep: input.reachedStep }),
  });
  assert.deepEqual(kept, [[], [3], [6, 3], [9, 6], [12, 9]]);
});

test('a milestone is stored while training goes on, and the next one waits for it', async () => {
  const story: string[] = [];
  await run({
    async keepMilestone({ record }) {
      story.push(`${record.step} begun`);
      if (record.step === 3) await until(() => story.includes('6 trained'));
      story.push(`${record.step} stored`);
    },
    async trainSteps(input) {
      story.push(`${input.toStep} trained`);
      return segmentTo(input);
    },
  });
  const place = (event: string): number => story.indexOf(event);
  assert.ok(place('6 trained') < place('3 stored'), story.join(', '));
  assert.ok(place('3 stored') < place('6 begun'), story.join(', '));
  assert.ok(story.includes('12 stored'));
});

test('a milestone that could not be stored is said, and the next one stands for it', async () => {
  harness.warnings.length = 0;
  const stored: number[] = [];
  const { result, progress } = await run({
    keepMilestone: ({ record }) =>
      durable(async () => {
        if (record.step === 3) throw new NightshiftError('StorageAccess', 'made StorageAccess');
        stored.push(record.step);
      }),
  });
  assert.deepEqual(stored, [0, 6, 9, 12]);
  assert.equal(result.steps, 12);
  assert.equal(
    progress.lastProblem?.message,
    'a milestone was not stored, the next one stands for it: made StorageAccess',
  );
  assert.ok(!harness.warnings.includes('training segment failed'), 'training goes on undisturbed');
});

test('a last milestone that could not be stored ends the run', async () => {
  const ended = run({
    async keepMilestone({ record }) {
      if (record.step === 12) throw failure('StorageAccess');
    },
  });
  await assert.rejects(ended, endedBy('StorageAccess'));
});

test('the first shards are made while the training hardware is still being looked at', async () => {
  const story: string[] = [];
  await run({
    augmentShard: async () => void story.push('augmented'),
    async resolveNumerics() {
      await until(() => story.includes('augmented'));
      return numerics;
    },
  });
  assert.ok(story.includes('augmented'));
});

test('who sweeps the store knows which runs are under way', async () => {
  const running: string[] = [];
  const ids: string[] = [];
  await run(
    {
      sweepStore: () =>
        durable(async () => {
          for await (const id of runningWorkflows()) running.push(id);
        }),
    },
    { training },
    async ({ workflowId }) => void ids.push(workflowId),
  );
  assert.deepEqual(running, ids);
});

test('a sweep of the store that fails is said, and fails no run', async () => {
  const { result, progress } = await run({
    sweepStore: () => durable(() => Promise.reject(new Error('no listing'))),
  });
  assert.equal(result.steps, 12);
  const said = 'what is to be let go of was left in the store: no listing';
  assert.equal(progress.lastProblem?.message, said);
});

test('a sweep that takes long is left to the next run', async () => {
  let told = false;
  const startedAt = performance.now();
  const { result, progress } = await run({
    sweepStore: () =>
      durable(async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        told = true;
        throw new Error('stopped');
      }),
  });
  assert.equal(result.steps, 12);
  assert.equal(progress.lastProblem, undefined);
  assert.ok(performance.now() - startedAt < 30_000);
  await until(() => told);
});
