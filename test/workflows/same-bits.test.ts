/** Whatever happened on the way, a run ends with the same bits: the real workflow and the real activities of training. */
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { identifyAugmented } from '../../activities/stages.ts';
import type { RunResult } from '../../contract/progress.ts';
import { runRecordKey, stepOfCheckpointKey } from '../../contract/keys.ts';
import { checkpointManifestSchema, runRecordSchema } from '../../contract/manifests.ts';
import type { CheckpointManifest } from '../../contract/manifests.ts';
import { augmentedShards } from '../../contract/stages.ts';
import type { TrainStepsInput } from '../../contract/stages.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { keepStage, sweepStages } from '../../model/stage-retention.ts';
import { readManifest } from '../../storage/commit.ts';
import { readPointer } from '../../storage/pointer.ts';
import {
  checkpointNowUpdate,
  extendEpochsUpdate,
  setLearningRateUpdate,
  stopAndFinishUpdate,
  validateNowUpdate,
} from '../../workflows/messages.ts';
import { withAged } from '../support/aged.ts';
import { damages } from '../support/damage.ts';
import { openTrainingRig } from '../support/training-rig.ts';
import type { TrainingRig } from '../support/training-rig.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Ended, Harness } from './harness.ts';

let harness: Harness;
let rig: TrainingRig;
let undisturbed: string;
before(async () => {
  harness = await openHarness();
  const other = await openTrainingRig();
  ({ finalDigest: undisturbed } = (await harness.run(other.activities, input)).result);
  await other.remove();
});
after(() => harness.stop());
beforeEach(async () => void (rig = await openTrainingRig()));
afterEach(() => rig.remove());

/** From its second validation on, each one lowers the rate; each has its state stored. */
const input = {
  training: {
    ...training,
    checkpointEverySteps: 100,
    plateau: { patience: 1, factor: 0.5 },
  },
};

/** Calls `disturb` once, before the segment that goes on from this step. */
function disturbedAt(step: number, disturb: (run: string) => Promise<void>): Partial<Activities> {
  let done = false;
  return {
    ...rig.activities,
    async trainSteps(request) {
      if (request.reachedStep === step && !done) {
        done = true;
        await rig.settled(request.inputs.run);
        await disturb(request.inputs.run);
      }
      return rig.activities.trainSteps!(request);
    },
  };
}

/** The keys of the run's checkpoints, by their steps; of several lineages the last listed. */
async function checkpointKeys(run: string): Promise<Map<number, string>> {
  const keys = new Map<number, string>();
  for await (const { key } of rig.store.list(`runs/${run}/`)) {
    const step = stepOfCheckpointKey(key);
    if (step !== undefined) keys.set(step, key);
  }
  return keys;
}

const readDeep = (key: string): Promise<CheckpointManifest | undefined> =>
  readManifest(rig.store, key, checkpointManifestSchema, { deep: true });

/** The segments go to the steps 3, 6, 9 and 12. */
const deaths: readonly (readonly [string, number[]])[] = [
  ["at its first step, a segment's first and last, the run's last", [0, 3, 8, 11]],
  ['in the middle, in a validation, in that of the last step', [1, 4, 6, 12]],
];
for (const [when, steps] of deaths) {
  test(`a run whose trainer dies ${when} ends with the same bits`, async () => {
    const { trainer } = await rig.newWorker();
    for (const step of steps) trainer.dieAfter(step);
    const { result } = await harness.run(rig.activities, input);
    assert.equal(result.finalDigest, undisturbed);
    assert.equal(result.steps, 12);
    assert.ok(result.resumes >= 3);
  });
}

test('a run whose views are swept while it trains makes them again, and ends with the same bits', async () => {
  let asked: TrainStepsInput | undefined;
  const sweepAll = async (): Promise<void> => {
    const { digest } = identifyAugmented(augmentedShards(asked!.inputs, 3));
    await keepStage(rig.store, digest, 7);
    const aged = withAged(rig.store, () => true, undefined, 2);
    const { stages } = await sweepStages(aged, { days: 7, inUse: new Set() });
    assert.equal(stages, 1);
  };
  const disturbed = disturbedAt(9, sweepAll);
  harness.warnings.length = 0;
  const { result } = await harness.run(
    {
      ...disturbed,
      trainSteps: (request) => {
        asked = request;
        return disturbed.trainSteps!(request);
      },
    },
    input,
  );
  assert.equal(result.finalDigest, undisturbed);
  assert.equal(harness.warnings.filter((one) => one === 'training segment failed').length, 1);
});

describe('a damaged checkpoint', () => {
  for (const [damage, hurt] of Object.entries(damages)) {
    for (const object of ['manifest.json', ...bundleFiles, lossesFile, ledgerFile]) {
      test(`with ${object}: ${damage}: is passed over, and written anew two decisions later`, async () => {
        harness.warnings.length = 0;
        const disturb = async (run: string): Promise<void> => {
          const keys = await checkpointKeys(run);
          for (const step of [6, 9]) {
            const key = keys.get(step)!;
            const { files } = (await readDeep(key))!;
            await hurt(rig.store, files.find(({ name }) => name === object)?.key ?? key);
          }
          await rig.newWorker();
        };
        const { result } = await harness.run(disturbedAt(9, disturb), input);
        assert.equal(result.finalDigest, undisturbed);
        assert.equal(result.resumes, 1);
        const said = harness.warnings.filter((warning) => warning.includes("can't be used"));
        const seen = object === 'manifest.json' && damage === 'gone' ? [] : [9, 6];
        assert.deepEqual(
          said.map((warning) => Number(/step (\d+)/.exec(warning)![1])),
          seen,
        );
        const generations = [];
        for (const [step, key] of await checkpointKeys(result.run)) {
          const manifest = (await readDeep(key))!;
          if (step === 6 || step === 9) generations.push(manifest.generation);
        }
        assert.deepEqual(generations, seen.length === 0 ? [0, 0] : [1, 1]);
      });
    }
  }

  test('when all are damaged the run begins anew, and says so', async () => {
    harness.warnings.length = 0;
    const disturb = async (run: string): Promise<void> => {
      for (const key of (await checkpointKeys(run)).values()) {
        await damages['a byte flipped']!(rig.store, key);
      }
      await rig.newWorker();
    };
    const { result } = await harness.run(disturbedAt(9, disturb), input);
    assert.equal(result.finalDigest, undisturbed);
    assert.ok(
      harness.warnings.some((warning) =>
        warning.includes('no usable checkpoint, begins again at step 0, 9 steps lost'),
      ),
    );
  });
});

/** Before the segment from step 3 on, waits until something is asked; each segment is a new worker's, and some die on the way. */
function waitingAt3(
  deaths: readonly number[] = [],
): Partial<Activities> & { letGo(): void; waits(): boolean } {
  let [waits, held] = [false, true];
  const due = new Set(deaths);
  return {
    ...rig.activities,
    async trainSteps(request) {
      if (request.reachedStep === 3) {
        waits = true;
        await until(() => !held);
      }
      const { trainer } = await rig.newWorker();
      for (const step of due) {
        if (step > request.toStep) continue;
        due.delete(step);
        trainer.dieAfter(step);
      }
      return rig.activities.trainSteps!(request);
    },
    letGo: () => void (held = false),
    waits: () => waits,
  };
}

async function setRate(handle: WorkflowHandle, steered: ReturnType<typeof waitingAt3>) {
  await until(() => steered.waits());
  await handle.executeUpdate(setLearningRateUpdate, { args: [0.5] });
  steered.letGo();
}

test('a run whose state was stored and validated on the way, when asked, ends with the same bits', async () => {
  const waiting = waitingAt3();
  const { result } = await harness.run(waiting, input, async (handle) => {
    await until(() => waiting.waits());
    const asked = Promise.all([
      handle.executeUpdate(checkpointNowUpdate),
      handle.executeUpdate(validateNowUpdate),
    ]);
    waiting.letGo();
    const [{ step, key }, validation] = await asked;
    assert.equal((await readDeep(key))!.step, step);
    assert.equal(validation.step, step);
  });
  assert.deepEqual([result.finalDigest, result.resumes], [undisturbed, 0]);
});

test('a run that was stopped ends with the state it has there, and from there goes on to the same bits', async () => {
  const waiting = waitingAt3();
  const { result } = await harness.run(waiting, input, async (handle) => {
    await until(() => waiting.waits());
    await handle.executeUpdate(stopAndFinishUpdate);
    waiting.letGo();
  });
  assert.ok(result.steps < 12, `${result.steps} steps`);
  assert.equal(result.bestStep, 3);
  const whole = await harness.run(rig.activities, {
    resumeFrom: { run: result.run, step: result.steps },
  });
  assert.deepEqual([whole.result.steps, whole.result.finalDigest], [12, undisturbed]);
});

test('a run that was extended ends with the same bits, whatever it had to take again', async () => {
  const cosine = {
    training: { ...input.training, learningRate: { schedule: 'cosine' } },
  };
  const extended = async (activities: ReturnType<typeof waitingAt3>) =>
    harness.run(activities, cosine, async (handle) => {
      await until(() => activities.waits());
      await handle.executeUpdate(extendEpochsUpdate, { args: [{ epochs: 5 }] });
      activities.letGo();
    });
  const usual = await extended(waitingAt3());
  await rig.remove();
  rig = await openTrainingRig();
  const again = await extended(waitingAt3([7, 13]));
  assert.deepEqual([usual.result.steps, again.result.steps], [15, 15]);
  assert.equal(again.result.finalDigest, usual.result.finalDigest);
});

/** As the UI's Reset: back to where the workflow was about to train from this step on. */
async function resetTo(handle: WorkflowHandle, reachedStep: number): Promise<WorkflowHandle> {
  const { events } = await handle.fetchHistory();
  const segments = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled?.activityType?.name === 'trainSteps' ? [scheduled] : [],
  );
  const segment = segments.find(
    ({ input: payloads }) =>
      (JSON.parse(Buffer.from(payloads!.payloads![0]!.data!).toString()) as { reachedStep: number })
        .reachedStep === reachedStep,
  )!;
  const { workflowId, firstExecutionRunId } = handle as WorkflowHandle & {
    firstExecutionRunId: string;
  };
  await harness.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId, runId: firstExecutionRunId },
    workflowTaskFinishEventId: segment.workflowTaskCompletedEventId!,
    requestId: crypto.randomUUID(),
    reason: 'test',
  });
  return harness.client.workflow.getHandle(workflowId);
}

test('a run that was reset and given another rate takes nothing of the abandoned branch', async () => {
  const reference = waitingAt3();
  const expected = await harness.run(reference, input, (handle) => setRate(handle, reference));
  await rig.remove();
  rig = await openTrainingRig();

  let abandoned = '';
  let activities: Partial<Activities> = rig.activities;
  const { result } = await harness.run(
    { ...rig.activities, trainSteps: (request) => activities.trainSteps!(request) },
    input,
    async (handle) => {
      ({ finalDigest: abandoned } = (await handle.result()) as { finalDigest: string });
      const steered = waitingAt3();
      activities = steered;
      await setRate(await resetTo(handle, 3), steered);
    },
  );
  assert.notEqual(result.finalDigest, abandoned);
  assert.equal(result.finalDigest, expected.result.finalDigest);
  const record = await readPointer(rig.store, runRecordKey(result.run), runRecordSchema);
  assert.equal(record?.step, 12);
  assert.ok(
    record.timeline.some(({ learningRate }) => learningRate === 0.5),
    'the record is the new branch’s',
  );
});

describe('a run that goes on from another', () => {
  let theirs: RunResult;
  beforeEach(async () => void (theirs = (await harness.run(rig.activities, input)).result));

  /** Goes on from a step, with other settings where they are given; `disturb` comes before the last segment. The other run's best state is that of step 3. */
  const goOn = (
    disturb: (run: string) => Promise<void>,
    settings: object = {},
    step = 9,
  ): Promise<Ended> => {
    const resumeFrom = { run: theirs.run, step };
    return harness.run(disturbedAt(9, disturb), { resumeFrom, ...settings });
  };
  const damageBest = async (run: string): Promise<void> => {
    await damages['a byte flipped']!(rig.store, (await checkpointKeys(run)).get(3)!);
    await rig.newWorker();
  };

  const deleteTheirs = async (): Promise<void> => {
    const keys: string[] = [];
    for await (const { key } of rig.store.list(`runs/${theirs.run}/`)) keys.push(key);
    await rig.store.delete(keys);
  };

  test('needs nothing of it any more: it has the best state too', async () => {
    const { result } = await goOn(deleteTheirs);
    assert.equal(result.finalDigest, undisturbed);
    assert.deepEqual([result.bestStep, result.modelDigest], [3, theirs.modelDigest]);
  });

  test('which had come to its end needs nothing of it any more either', async () => {
    const own: Partial<Activities> = {
      ...rig.activities,
      async adoptStates(request) {
        const adopted = await rig.activities.adoptStates!(request);
        await deleteTheirs();
        return adopted;
      },
    };
    const { result } = await harness.run(own, { resumeFrom: { run: theirs.run } });
    assert.equal(result.finalDigest, undisturbed);
    assert.deepEqual([result.bestStep, result.modelDigest], [3, theirs.modelDigest]);
  });

  test('makes a best state anew that lies before the step it goes on from', async () => {
    const { result } = await goOn(damageBest);
    assert.equal(result.finalDigest, undisturbed);
    assert.deepEqual([result.bestStep, result.modelDigest], [3, theirs.modelDigest]);
  });

  test('with other settings makes the very state anew that it goes on from, when that is the best', async () => {
    const settings = { training: { learningRate: { initial: 0.5 } } };
    const { result } = await goOn(damageBest, settings, 3);
    assert.deepEqual([result.bestStep, result.modelDigest], [3, theirs.modelDigest]);
  });

  test('with other settings uses the next best state in the place of a lost one, and says so', async () => {
    const settings = { training: { learningRate: { initial: 0.5 } } };
    const { result, progress } = await goOn(damageBest, settings);
    assert.deepEqual([result.bestStep, result.modelDigest], [12, result.finalDigest]);
    assert.match(progress.lastProblem!.message, /the best state, step 3, is lost/);
  });
});
