/** What becomes of a trained model, on a real Temporal server: the gate, rivals, and a person's word. */
import { ApplicationFailure } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { durable } from '../../activities/durable.ts';
import type { GateInput } from '../../activities/evaluate-gate.ts';
import type { FoundChampion } from '../../activities/find-champion.ts';
import type { PromotionRequest } from '../../activities/promote-model.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { Gate } from '../../contract/gate.ts';
import type { Champion } from '../../contract/models.ts';
import type { NoChange, RunProgress } from '../../contract/progress.ts';
import type { PromotionState } from '../../contract/promotion.ts';
import { digestOf } from '../../data/digest.ts';
import {
  approvePromotionUpdate,
  progressQuery,
  rejectPromotionUpdate,
  retryUpdate,
  stopAndFinishUpdate,
} from '../../workflows/messages.ts';
import { metrics } from '../support/finished-run.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';
import { fakeActivities, segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Harness } from './harness.ts';

let harness: Harness;
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

const gateThat = (passed: boolean): Gate => ({
  ...{ passed, samples: 20 },
  rules: [{ rule: 'accuracy', measured: 0.5, limit: 0.4, passed, text: 'so much' }],
});

const championOf = (generation: number, classes = ['cat', 'dog']): FoundChampion => ({
  ...{ generation, digest: String(generation).repeat(64), workflowId: `night-${generation}` },
  config: trainingInputs({ model: { imageSize: 64 } }).config,
  classes,
  conventions: { topology: 'keras', pixels: 'zero-one' },
});

const pointer = (generation: number): Champion => ({
  ...{ version: 1, model: 'pets', generation, digest: '9'.repeat(64), at: 0 },
});

/** A registry in memory: what was asked of it, and a gate that lets pass or not. */
function registry(passes: boolean, generation = 0, rivals = 0) {
  const asked: PromotionRequest[] = [];
  const reported: (PromotionState | undefined)[] = [];
  const compared: GateInput['champion'][] = [];
  let present = generation;
  const usual = fakeActivities({});
  const reportKey = (): string => `report-${reported.length}`;
  const activities: Partial<Activities> = {
    findChampion: async () => (present === 0 ? null : championOf(present)),
    async evaluateGate({ champion }) {
      compared.push(champion);
      return gateThat(passes);
    },
    async promoteCandidate(request) {
      asked.push(request);
      const isBeaten = asked.length <= rivals;
      present += 1;
      const version = { digest: '9'.repeat(64), workflowId: 'night', metrics };
      return { outcome: isBeaten ? 'rival' : 'promoted', champion: pointer(present), version };
    },
    async writeReport(request) {
      reported.push(request.promotion);
      return { ...(await usual.writeReport(request)), reportKey: reportKey() };
    },
  };
  return { asked, reported, compared, activities };
}

const promotion = { model: 'pets', minAccuracy: 0.4 };
const withApproval = (deadlineHours: number) => ({
  training,
  promotion: { ...promotion, approval: { deadlineHours } },
});

const statusOf = async (handle: WorkflowHandle): Promise<PromotionState['status'] | undefined> =>
  (await handle.query<RunProgress>(progressQuery)).promotion?.status;
const ada: [{ by: string; why: string }] = [{ by: 'ada', why: 'looks right' }];
const awaits = (handle: WorkflowHandle): Promise<void> =>
  until(async () => (await statusOf(handle)) === 'awaiting approval');

test('a run without promotion has no such stage', async () => {
  const { progress, result } = await harness.run({}, { training });
  assert.equal(progress.stages.at(-1)!.name, 'report');
  assert.equal(result.promotion, undefined);
});

test('the gate is told the best validation where there is a least accuracy for it', async () => {
  const { activities } = registry(false);
  const asked: GateInput['limits'][] = [];
  const evaluateGate: Activities['evaluateGate'] = (input) => {
    asked.push(input.limits);
    return activities.evaluateGate!(input);
  };
  const withLeast = { training: { ...training, minAccuracy: 0.2 }, promotion };
  await harness.run({ ...activities, evaluateGate }, withLeast);
  assert.deepEqual(asked[0]!.validation, { least: 0.2, accuracy: 0.12 });
});

test('what passes the gate is promoted, and progress, result and report say by which rules', async () => {
  const { activities, asked, reported, compared } = registry(true);
  const { progress, result } = await harness.run(activities, { training, promotion });
  assert.deepEqual(compared, [null]);
  assert.equal(asked.length, 1);
  assert.deepEqual(
    [asked[0]!.model, asked[0]!.follows, asked[0]!.why],
    ['pets', 0, 'it passed the gate'],
  );
  assert.deepEqual(
    [result.promotion?.status, result.promotion?.generation, result.promotion?.gate],
    ['promoted', 1, gateThat(true)],
  );
  assert.deepEqual(progress.promotion, result.promotion);
  assert.deepEqual(reported, [undefined, result.promotion]);
  assert.equal(result.reportKey, 'report-2', 'the last one');
  assert.deepEqual(progress.stages.at(-1)!.name, 'promote');
  assert.equal(progress.stages.at(-1)!.status, 'done');
});

test('what fails the gate is not promoted, and the run is completed all the same', async () => {
  const { activities, asked } = registry(false, 3);
  const { result } = await harness.run(activities, { training, promotion });
  assert.deepEqual(asked, []);
  assert.equal(result.promotion?.status, 'refused');
  assert.deepEqual(result.promotion?.champion, { generation: 3, workflowId: 'night-3' });
});

test("the champion predicts the run's own test images, at its own image size and from the registry", async () => {
  const { activities, compared } = registry(true, 3);
  const bases: number[] = [];
  const predicted: unknown[] = [];
  await harness.run(
    {
      ...activities,
      async writeShard({ stage }) {
        if (stage.side === 'test') bases.push(stage.imageSize);
      },
      async predictShard({ stage }) {
        predicted.push([stage.config.model.imageSize, stage.checkpoint]);
      },
    },
    { training, promotion },
  );
  assert.deepEqual(bases, [32, 64]);
  assert.deepEqual(predicted.at(-1), [64, { model: 'pets', digest: '3'.repeat(64) }]);
  assert.match((compared[0] as { predictions: string }).predictions, /^[0-9a-f]{64}$/);
});

test("what has gone bad at the gate is made anew: the data, the run's own predictions and the champion's", async () => {
  const { activities } = registry(true, 3);
  const made: string[] = [];
  let tries = 0;
  const { result } = await harness.run(
    {
      ...activities,
      // All that was made is there.
      openStage: async (stage) => ({
        digest: digestOf(stage),
        parts: 1,
        samples: 60,
        sealed: true,
      }),
      ingestDataset: async ({ verify }) => {
        if (verify) made.push('dataset');
        return { digest: '1'.repeat(64), classes: ['cat', 'dog'], samples: 100 };
      },
      async writeShard({ stage }) {
        made.push(`${stage.side} ${stage.imageSize}`);
      },
      async predictShard({ stage }) {
        made.push(`predictions ${stage.config.model.imageSize}`);
      },
      evaluateGate: (input) =>
        durable(async () => {
          tries += 1;
          if (tries === 1) throw new NightshiftError('DamagedObject', 'a byte is another');
          return activities.evaluateGate!(input);
        }),
    },
    { training, promotion },
  );
  const [dataset, ...rest] = made;
  assert.equal(dataset, 'dataset');
  assert.deepEqual(rest.slice(0, 3).toSorted(), ['test 32', 'train 32', 'validation 32']);
  assert.deepEqual(rest.slice(3), ['predictions 32', 'test 64', 'predictions 64']);
  assert.equal(result.promotion?.status, 'promoted');
});

test('a champion of other classes is not asked to predict', async () => {
  const { activities, compared } = registry(true);
  const findChampion = async () => championOf(1, ['cat', 'cow', 'dog']);
  await harness.run({ ...activities, findChampion }, { training, promotion });
  assert.deepEqual(compared, ['of other classes']);
});

test('when a rival was faster the gate is asked again, beside the new champion', async () => {
  const { activities, asked, compared } = registry(true, 1, 1);
  const { result } = await harness.run(activities, { training, promotion });
  assert.deepEqual(
    asked.map(({ follows }) => follows),
    [1, 2],
  );
  assert.notDeepEqual(compared[0], compared[1]);
  assert.equal(result.promotion?.generation, 3);
});

test('a model that awaits approval is promoted once a person says so, in their name', async () => {
  const { activities, asked, reported } = registry(true);
  const { result } = await harness.run(activities, withApproval(1), async (handle) => {
    await awaits(handle);
    assert.deepEqual(asked, []);
    // There is a report to decide by.
    await until(() => reported.at(-1)?.status === 'awaiting approval');
    await handle.executeUpdate(approvePromotionUpdate, { args: ada });
  });
  assert.deepEqual([asked[0]!.by, asked[0]!.why], ['ada', 'looks right']);
  assert.deepEqual([result.promotion?.status, result.promotion?.decision?.by], ['promoted', 'ada']);
});

test('a rejected model is not promoted, and it is said by whom and why', async () => {
  const { activities, asked } = registry(true);
  const { result } = await harness.run(activities, withApproval(1), async (handle) => {
    await awaits(handle);
    await handle.executeUpdate(rejectPromotionUpdate, { args: [{ by: 'ada', why: 'blurred' }] });
  });
  assert.deepEqual(asked, []);
  assert.deepEqual(result.promotion?.decision, { by: 'ada', why: 'blurred' });
  assert.equal(result.promotion?.status, 'rejected');
});

const isHeld = (handle: WorkflowHandle): Promise<void> =>
  until(async () => (await handle.query<RunProgress>(progressQuery)).held !== undefined);
/** A failure that holds the run. */
const refusing = (): Promise<never> =>
  durable(() => Promise.reject(new NightshiftError('StorageAccess', 'the store refuses')));

test('what a person has approved is not asked for again when the promotion itself fails', async () => {
  const { activities, reported } = registry(true);
  let tries = 0;
  const promoteCandidate: Activities['promoteCandidate'] = (request) =>
    tries++ === 0 ? refusing() : activities.promoteCandidate!(request);
  const { result } = await harness.run(
    { ...activities, promoteCandidate },
    { ...withApproval(1), onFailure: 'hold' },
    async (handle) => {
      await awaits(handle);
      await handle.executeUpdate(approvePromotionUpdate, { args: ada });
      await isHeld(handle);
      await handle.executeUpdate(retryUpdate);
    },
  );
  assert.deepEqual([result.promotion?.status, result.promotion?.decision?.by], ['promoted', 'ada']);
  assert.equal(reported.filter((state) => state?.status === 'awaiting approval').length, 1);
});

test('an approval counts that comes while a run is held whose report can not be written', async () => {
  const { activities } = registry(true);
  const writeReport: Activities['writeReport'] = (request) =>
    request.promotion?.status === 'awaiting approval'
      ? refusing()
      : activities.writeReport!(request);
  const { result } = await harness.run(
    { ...activities, writeReport },
    { ...withApproval(1), onFailure: 'hold' },
    async (handle) => {
      await isHeld(handle);
      await handle.executeUpdate(approvePromotionUpdate, { args: ada });
      await handle.executeUpdate(retryUpdate);
    },
  );
  assert.deepEqual([result.promotion?.status, result.promotion?.decision?.by], ['promoted', 'ada']);
});

test('without a word until the deadline a model is rejected, and it is said so', async () => {
  const { activities, asked } = registry(true);
  const { result } = await harness.run(activities, withApproval(1 / 3600));
  assert.deepEqual(asked, []);
  assert.equal(result.promotion?.status, 'rejected');
  assert.match(result.promotion.decision!.why, /no one decided before the deadline/);
});

test('a decision without who or why, or that nothing awaits, is refused with the rule', async () => {
  const { activities } = registry(true);
  const refused = (handle: WorkflowHandle, decision: unknown, message: RegExp) =>
    assert.rejects(
      handle.executeUpdate(approvePromotionUpdate, { args: [decision as never] }),
      ({ cause }: Error) => message.test((cause as Error).message),
    );
  await harness.run(activities, withApproval(1), async (handle) => {
    await awaits(handle);
    await refused(handle, { by: ' ' }, /by: " ": Too small.*; why: Invalid input/);
    await refused(handle, { by: 'ada', why: 'x', who: 1 }, /who: 1: there is no such key; give/);
    await handle.executeUpdate(rejectPromotionUpdate, { args: [{ by: 'ada', why: 'no' }] });
  });
});

test('a run that finds nothing new ends at once: no split, no GPU', async () => {
  const asked: string[] = [];
  const considered = { workflowId: 'night-1', at: 0 };
  const { result, progress } = await harness.run(
    {
      findConsidered: async ({ model, dataset }) => ({
        ...{ version: 1, model, dataset, night: dataset, run: 'r', ...considered },
      }),
      async splitDataset() {
        throw new Error('nobody asked for it');
      },
      async resolveNumerics() {
        asked.push('a GPU');
        return numerics;
      },
    },
    { training, promotion },
  );
  assert.deepEqual((result as unknown as NoChange).noChange, { model: 'pets', ...considered });
  assert.deepEqual(progress.result, result);
  assert.deepEqual(asked, []);
});

test('with promotion.always a run does not ask whether anything is new', async () => {
  const { activities } = registry(true);
  const findConsidered = async () => {
    throw new Error('nobody asked for it');
  };
  const always = { ...promotion, always: true };
  const { result } = await harness.run(
    { ...activities, findConsidered },
    { training, promotion: always },
  );
  assert.equal(result.promotion?.status, 'promoted');
});

test('what was judged is noted, whatever the gate said; what failed is not', async () => {
  const noted: string[] = [];
  const noteConsidered: Activities['noteConsidered'] = async ({ model }) => void noted.push(model);
  for (const passes of [true, false]) {
    await harness.run({ ...registry(passes).activities, noteConsidered }, { training, promotion });
  }
  assert.deepEqual(noted, ['pets', 'pets']);
  const trainSteps = async () => {
    throw ApplicationFailure.nonRetryable('made', 'InvalidData');
  };
  const failing = harness.run({ noteConsidered, trainSteps }, { training, promotion });
  await assert.rejects(failing);
  assert.equal(noted.length, 2);
});

test('what a person has stopped is not noted: the next night trains it to its end', async () => {
  const noted: string[] = [];
  let isStopped = false;
  const { result } = await harness.run(
    {
      ...registry(true).activities,
      noteConsidered: async ({ model }) => void noted.push(model),
      async trainSteps(input) {
        await until(() => input.toStep === 3 || isStopped);
        return segmentTo(input);
      },
    },
    { training, promotion },
    async (handle) => {
      const step = async () => (await handle.query<RunProgress>(progressQuery)).training?.step;
      await until(async () => (await step()) === 3);
      await handle.executeUpdate(stopAndFinishUpdate);
      isStopped = true;
    },
  );
  assert.equal(result.promotion?.status, 'promoted');
  assert.deepEqual(noted, []);
});
