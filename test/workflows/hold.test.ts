/** Runs that wait where a stage has failed (`onFailure: hold`), on a real Temporal server. */
import { WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { isCancellation } from '@temporalio/workflow';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { durable } from '../../activities/durable.ts';
import { NightshiftError } from '../../contract/failures.ts';
import { cpuQueue } from '../../contract/queues.ts';
import type { HeldStage, RunProgress } from '../../contract/progress.ts';
import type { Segment, TrainStepsInput } from '../../contract/stages.ts';
import {
  pauseUpdate,
  progressQuery,
  retryUpdate,
  setLearningRateUpdate,
  stopAndFinishUpdate,
} from '../../workflows/messages.ts';
import { numerics } from '../support/training-inputs.ts';
import { fakeActivities, segmentTo } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Harness } from './harness.ts';
import { refused } from './refused.ts';

let harness: Harness;
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

const holding = { training, onFailure: 'hold' };

async function heldStage(handle: WorkflowHandle): Promise<HeldStage> {
  let progress: RunProgress | undefined;
  await until(async () => {
    progress = await handle.query(progressQuery);
    return progress.held !== undefined;
  });
  return progress!.held!;
}

/** Does `work`, but the first time it is broken for good. */
function brokenOnce<In, Out>(work: (input: In) => Promise<Out>) {
  let broken = true;
  return (input: In): Promise<Out> =>
    durable(async () => {
      if (!broken) return work(input);
      broken = false;
      throw new NightshiftError('StorageAccess', 'the store refuses');
    });
}

test('a stage that failed waits, and is tried again on `retry`; what was done before stays done', async () => {
  const usual = fakeActivities({});
  let ingested = 0;
  const { result, progress } = await harness.run(
    {
      async ingestDataset(input) {
        ingested += 1;
        return usual.ingestDataset(input);
      },
      splitDataset: brokenOnce(usual.splitDataset),
    },
    holding,
    async (handle) => {
      const { stage, message } = await heldStage(handle);
      assert.deepEqual([stage, message], ['split', 'the store refuses']);
      await handle.executeUpdate(retryUpdate);
      await refused(handle.executeUpdate(retryUpdate), /the run is not held/);
    },
  );
  assert.equal(result.steps, 12);
  assert.equal(ingested, 1);
  assert.equal(progress.held, undefined);
});

test('training that failed frees its GPU, takes another rate, and goes on from where it was', async () => {
  const asked: TrainStepsInput[] = [];
  const handedBack: number[] = [];
  await harness.run(
    {
      trainSteps: (input) =>
        durable(async () => {
          asked.push(input);
          const diverges = input.toStep === 6 && input.timeline.length === 1;
          if (diverges) throw new NightshiftError('Diverged', 'step 4: the loss is NaN');
          return segmentTo(input);
        }),
      async handBack({ reachedStep }) {
        handedBack.push(reachedStep);
        return null;
      },
    },
    holding,
    async (handle) => {
      assert.equal((await heldStage(handle)).message, 'step 4: the loss is NaN');
      assert.deepEqual(handedBack, [3]);
      await refused(handle.executeUpdate(pauseUpdate), /the run is held/);
      await handle.executeUpdate(setLearningRateUpdate, { args: [0.0001] });
      await handle.executeUpdate(retryUpdate);
    },
  );
  assert.deepEqual(
    asked.map(({ reachedStep, toStep }) => [reachedStep, toStep]),
    [
      [0, 3],
      [3, 6],
      [3, 6],
      [6, 9],
      [9, 12],
    ],
  );
  assert.deepEqual(asked.at(-1)!.timeline, [
    { fromStep: 0, numerics },
    { fromStep: 3, learningRate: 0.0001 },
  ]);
});

test('what training begins with is asked for again, and the last milestone stored again', async () => {
  let milestoneTries = 0;
  const { result } = await harness.run(
    {
      resolveNumerics: brokenOnce(async () => numerics),
      keepMilestone: ({ record }) =>
        durable(async () => {
          if (record.step === 12 && milestoneTries++ < 2) {
            throw new NightshiftError('StorageAccess', 'the store refuses');
          }
        }),
    },
    holding,
    async (handle) => {
      assert.equal((await heldStage(handle)).stage, 'train');
      await handle.executeUpdate(retryUpdate);
      assert.equal((await heldStage(handle)).stage, 'report');
      await handle.executeUpdate(retryUpdate);
    },
  );
  assert.equal(result.steps, 12);
});

test('a held run can be cancelled', async () => {
  const usual = fakeActivities({});
  const cancelled = harness.run(
    { splitDataset: brokenOnce(usual.splitDataset) },
    holding,
    async (handle) => {
      await heldStage(handle);
      await handle.cancel();
    },
  );
  await assert.rejects(
    cancelled,
    (error) => error instanceof WorkflowFailedError && isCancellation(error.cause),
  );
});

test('a run that a schedule starts fails, whatever its configuration says', async () => {
  const usual = fakeActivities({});
  let isMended = false;
  const splitDataset: typeof usual.splitDataset = (input) =>
    durable(async () => {
      if (isMended) return usual.splitDataset(input);
      throw new NightshiftError('StorageAccess', 'the store refuses');
    });
  await harness.run({ splitDataset }, holding, async (handle) => {
    await heldStage(handle);
    const { schedule, workflow } = harness.client;
    const nightly = await schedule.create({
      scheduleId: randomUUID(),
      spec: {},
      action: {
        ...{ type: 'startWorkflow', workflowType: 'trainingPipeline', taskQueue: cpuQueue },
        args: [holding],
      },
      state: { triggerImmediately: true },
    });
    const started = async () => (await nightly.describe()).info.recentActions[0]?.action.workflow;
    await until(async () => (await started()) !== undefined);
    const night = workflow.getHandle((await started())!.workflowId);
    await assert.rejects(night.result(), WorkflowFailedError);
    await nightly.delete();
    isMended = true;
    await handle.executeUpdate(retryUpdate);
  });
});

/** The state from before is there, and no step is taken from it. */
const noStepBeyond6 = (input: TrainStepsInput): Segment =>
  segmentTo({ ...input, toStep: 6 }, { validation: null });

test('training that failed for good is finished by what there is on `stopAndFinish`', async () => {
  const { result, progress } = await harness.run(
    {
      trainSteps: (input) =>
        durable(async () => {
          if (input.toStep < 9) return segmentTo(input);
          throw new NightshiftError('Diverged', 'step 7: the loss is NaN');
        }),
    },
    holding,
    async (handle) => {
      assert.equal((await heldStage(handle)).stage, 'train');
      await handle.executeUpdate(stopAndFinishUpdate);
    },
  );
  assert.deepEqual([result.steps, result.bestStep], [6, 6]);
  assert.deepEqual([progress.held, progress.training!.stopped], [undefined, 'asked']);
});

test('`stopAndFinish` while a training that failed still hands its state back is done', async () => {
  let [handsBack, mayHandBack] = [false, false];
  const { result, progress } = await harness.run(
    {
      trainSteps: (input) =>
        durable(async () => {
          if (input.toStep < 9) return segmentTo(input);
          if (input.enoughAfterSeconds === 0) return noStepBeyond6(input);
          throw new NightshiftError('StorageAccess', 'the store refuses');
        }),
      async handBack() {
        handsBack = true;
        await until(() => mayHandBack);
        return null;
      },
    },
    holding,
    async (handle) => {
      await until(() => handsBack);
      await handle.executeUpdate(stopAndFinishUpdate);
      mayHandBack = true;
    },
  );
  assert.deepEqual([result.steps, progress.training!.stopped], [6, 'asked']);
});
