/** What a user tells a run on a real Temporal server: pause, resume, another learning rate, cancel. */
import { WorkflowFailedError } from '@temporalio/client';
import { isCancellation } from '@temporalio/workflow';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { durable } from '../../activities/durable.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { RunRecord, TrainStepsInput } from '../../contract/stages.ts';
import {
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  setLearningRateUpdate,
} from '../../workflows/messages.ts';
import { numerics } from '../support/training-inputs.ts';
import { fakeActivities, segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Harness } from './harness.ts';
import { refused } from './refused.ts';
import { segmentUntilStopped, stoppedBeforeStep6 } from './stopped-segments.ts';

let harness: Harness;
const run: Harness['run'] = (...how) => harness.run(...how);
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

test('a pause stops the segment, is answered once it has handed back, and holds until `resume`', async () => {
  const asked: TrainStepsInput[] = [];
  const { trainSteps, trainsTo6, handedBack } = stoppedBeforeStep6(asked);
  const { result } = await run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    await handle.executeUpdate(pauseUpdate);
    assert.ok(handedBack());
    assert.equal((await handle.query(progressQuery)).paused, true);
    await sleep(300);
    assert.equal(asked.at(-1)!.toStep, 6, 'nothing trains meanwhile');
    await handle.executeUpdate(resumeUpdate);
  });
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
  assert.equal(result.steps, 12);
});

test('a pause learns what the hand-back has stored, also between two milestones', async () => {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6([]);
  await run(
    {
      trainSteps: async (input) => ({ ...(await trainSteps(input)), durableStep: 0 }),
      handBack: async () => ({ step: 5, at: 123 }),
    },
    { training },
    async (handle) => {
      await trainsTo6();
      await handle.executeUpdate(pauseUpdate);
      const { step, durableStep, durableAt } = (await handle.query(progressQuery)).training!;
      assert.deepEqual([step, durableStep, durableAt], [5, 5, 123]);
      await handle.executeUpdate(resumeUpdate);
    },
  );
});

test('a hand-back that fails is said, and nothing is taken for stored', async () => {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6([]);
  await run(
    {
      trainSteps: async (input) => ({ ...(await trainSteps(input)), durableStep: 0 }),
      handBack: () =>
        durable(() => Promise.reject(new NightshiftError('StorageAccess', 'no such bucket'))),
    },
    { training },
    async (handle) => {
      await trainsTo6();
      await handle.executeUpdate(pauseUpdate);
      const { training: paused, lastProblem } = await handle.query(progressQuery);
      assert.deepEqual([paused!.step, paused!.durableStep], [3, 0]);
      assert.equal(
        lastProblem!.message,
        'the state that a worker held was not handed back: no such bucket',
      );
      await handle.executeUpdate(resumeUpdate);
    },
  );
});

test('a paused segment that could not save is said, and taken again from where it began', async () => {
  const asked: TrainStepsInput[] = [];
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6(asked);
  const { progress } = await run(
    {
      trainSteps: (input) =>
        durable(() =>
          trainSteps(input).catch(() => {
            throw new NightshiftError('StateNotSaved', 'the disk is full');
          }),
        ),
    },
    { training },
    async (handle) => {
      await trainsTo6();
      await handle.executeUpdate(pauseUpdate);
      const { lastProblem } = await handle.query(progressQuery);
      assert.equal(lastProblem!.message, 'the disk is full');
      await handle.executeUpdate(resumeUpdate);
    },
  );
  assert.deepEqual(
    asked.slice(0, 3).map(({ reachedStep, toStep }) => [reachedStep, toStep]),
    [
      [0, 3],
      [3, 6],
      [3, 6],
    ],
  );
  assert.equal(progress.training!.step, 12);
});

test('`resume` before the paused segment has handed back lets the run go on', async () => {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6([]);
  const { result, progress } = await run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    const paused = handle.executeUpdate(pauseUpdate);
    await until(async () => (await handle.query(progressQuery)).paused === true);
    await handle.executeUpdate(resumeUpdate);
    await paused;
  });
  assert.equal(result.steps, 12);
  assert.equal(progress.lastProblem, undefined);
});

test('a segment that comes to its end while it is told to pause is not lost', async () => {
  const asked: number[] = [];
  let holds = true;
  await run(
    {
      async trainSteps(input) {
        asked.push(input.toStep);
        if (input.toStep === 6) await until(() => !holds);
        return segmentTo(input);
      },
    },
    { training },
    async (handle) => {
      await until(() => asked.includes(6));
      const paused = handle.executeUpdate(pauseUpdate);
      await until(async () => (await handle.query(progressQuery)).paused === true);
      holds = false;
      await paused;
      assert.equal((await handle.query(progressQuery)).training?.step, 6);
      await handle.executeUpdate(resumeUpdate);
    },
  );
  assert.deepEqual(asked, [3, 6, 9, 12]);
});

test('a pause is answered while the shards of an epoch are waited for, and lets them be made', async () => {
  const asked: number[] = [];
  let [made, tries] = [false, 0];
  await run(
    {
      augmentShard: ({ stage }) =>
        durable(async (step) => {
          if (stage.view !== 1) return;
          tries += 1;
          await until(() => {
            step.report('augmenting');
            step.signal.throwIfAborted();
            return made;
          });
        }),
      async trainSteps(input) {
        asked.push(input.toStep);
        return segmentTo(input);
      },
    },
    { training },
    async (handle) => {
      await until(async () => (await handle.query(progressQuery)).training?.step === 3);
      await handle.executeUpdate(pauseUpdate);
      assert.deepEqual(asked, [3]);
      made = true;
      await handle.executeUpdate(resumeUpdate);
    },
  );
  assert.deepEqual(asked, [3, 6, 9, 12]);
  assert.equal(tries, 1);
});

/** The first segment to step 6 meets damaged data, when told to; they can't be made anew before `letGo`. */
function damagedBeforeStep6(meetsDamage: () => boolean) {
  const asked: number[] = [];
  const handedBack: number[] = [];
  let [mending, whole] = [false, false];
  const usual = fakeActivities({});
  const activities: Partial<Activities> = {
    trainSteps: (input) =>
      durable(async () => {
        asked.push(input.toStep);
        if (input.toStep !== 6 || whole) return segmentTo(input);
        await until(meetsDamage);
        mending = true;
        throw new NightshiftError('DamagedObject', 'a byte is another');
      }),
    splitDataset: (input) =>
      durable(async (step) => {
        await until(() => {
          step.report('splitting');
          step.signal.throwIfAborted();
          return !mending || whole;
        });
        return usual.splitDataset(input);
      }),
    async handBack({ reachedStep }) {
      handedBack.push(reachedStep);
      return null;
    },
  };
  return { activities, asked, handedBack, letGo: () => void (whole = true) };
}

test('a pause is answered while damaged data are made anew, and frees the GPU', async () => {
  const damaged = damagedBeforeStep6(() => true);
  await run(damaged.activities, { training }, async (handle) => {
    await until(async () => (await handle.query(progressQuery)).lastProblem !== undefined);
    await handle.executeUpdate(pauseUpdate);
    assert.deepEqual(damaged.handedBack, [3]);
    damaged.letGo();
    await handle.executeUpdate(resumeUpdate);
  });
  assert.deepEqual(damaged.asked, [3, 6, 6, 9, 12]);
});

test('a pause is answered before what a failing segment asks for is made anew', async () => {
  let paused = false;
  const damaged = damagedBeforeStep6(() => paused);
  await run(damaged.activities, { training }, async (handle) => {
    await until(() => damaged.asked.includes(6));
    const answered = handle.executeUpdate(pauseUpdate);
    await until(async () => (await handle.query(progressQuery)).paused === true);
    paused = true;
    await answered;
    assert.deepEqual(damaged.handedBack, [3]);
    damaged.letGo();
    await handle.executeUpdate(resumeUpdate);
  });
  assert.deepEqual(damaged.asked, [3, 6, 6, 9, 12]);
});

test('a pause does not count as time in which the trainer waited', async () => {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6([]);
  const pauseMs = 2_000;
  const busySeconds = 0.1;
  let idleShare = NaN;
  const usual = fakeActivities({});
  const { progress } = await run(
    {
      trainSteps: async (input) => ({ ...(await trainSteps(input)), busySeconds }),
      async writeReport(request) {
        ({ idleShare } = request.trained);
        return usual.writeReport(request);
      },
    },
    { training },
    async (handle) => {
      await trainsTo6();
      await handle.executeUpdate(pauseUpdate);
      await sleep(pauseMs);
      await handle.executeUpdate(resumeUpdate);
    },
  );
  const { startedAt, endedAt } = progress.stages.find(({ name }) => name === 'train')!;
  const trainedSeconds = (endedAt! - startedAt! - pauseMs) / 1000;
  assert.ok(idleShare <= 1 - (4 * busySeconds) / trainedSeconds, `${idleShare}`);
});

test('what makes no sense is refused, and says why', async () => {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6([]);
  await run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    await refused(handle.executeUpdate(resumeUpdate), /the run is not paused/);
    await refused(
      handle.executeUpdate(setLearningRateUpdate, { args: [-1] }),
      /learning rate -1: must be a number above 0/,
    );
    await handle.executeUpdate(pauseUpdate);
    await refused(handle.executeUpdate(pauseUpdate), /the run is paused already/);
    await handle.executeUpdate(resumeUpdate);
  });
});

test('a learning rate that is set holds from the next milestone on, also on another hardware', async () => {
  const timelines: TrainStepsInput['timeline'][] = [];
  let isSet = false;
  const other = { ...numerics, threads: 8 };
  await run(
    {
      trainSteps: (input) =>
        durable(async () => {
          timelines.push(input.timeline);
          if (input.toStep === 6) await until(() => isSet);
          if (input.toStep === 12 && !input.timeline.some((one) => one.numerics === other)) {
            const details = { numerics: other, step: 4 };
            if (input.timeline.length === 2) {
              throw new NightshiftError('NumericsDiffer', 'another machine', { details });
            }
          }
          return segmentTo(input);
        }),
    },
    { training },
    async (handle) => {
      await until(() => timelines.length === 2);
      await handle.executeUpdate(setLearningRateUpdate, { args: [0.05] });
      isSet = true;
    },
  );
  const start = { fromStep: 0, numerics };
  assert.deepEqual(timelines[1], [start], 'the segment under way keeps its rate');
  assert.deepEqual(timelines[2], [start, { fromStep: 6, learningRate: 0.05 }]);
  assert.deepEqual(timelines.at(-1), [
    start,
    { fromStep: 4, numerics: other },
    { fromStep: 6, learningRate: 0.05 },
  ]);
});

test('a learning rate that would come after the last milestone is refused, but in a pause holds from there', async () => {
  const start = { fromStep: 0, numerics };
  const timelines: TrainStepsInput['timeline'][] = [];
  await run(
    {
      async trainSteps(input) {
        if (input.toStep < 12) return segmentTo(input);
        timelines.push(input.timeline);
        if (timelines.length === 1) return segmentUntilStopped(() => undefined);
        // Where the pause has interrupted it.
        return input.enoughAfterSeconds === 0
          ? segmentTo({ ...input, toStep: 10 }, { validation: null })
          : segmentTo(input);
      },
    },
    { training },
    async (handle) => {
      await until(() => timelines.length === 1);
      const setRate = () => handle.executeUpdate(setLearningRateUpdate, { args: [0.05] });
      await refused(setRate(), /no other comes after them: pause the run, set the rate/);
      await handle.executeUpdate(pauseUpdate);
      await setRate();
      await handle.executeUpdate(resumeUpdate);
    },
  );
  assert.deepEqual(
    timelines.map((timeline) => timeline.at(-1)),
    [start, start, { fromStep: 10, learningRate: 0.05 }],
  );
});

test('what a user has set is in the run’s record of the step from which on it holds', async () => {
  const records: RunRecord[] = [];
  let [trainsTo6, isSet] = [false, false];
  await run(
    {
      keepMilestone: async ({ record }) => void records.push(record),
      async trainSteps(input) {
        if (input.toStep === 6) {
          trainsTo6 = true;
          await until(() => isSet);
        }
        return segmentTo(input);
      },
    },
    { training },
    async (handle) => {
      await until(() => trainsTo6);
      await handle.executeUpdate(setLearningRateUpdate, { args: [0.05] });
      isSet = true;
    },
  );
  const at6 = records.filter(({ step }) => step === 6);
  assert.deepEqual(at6.at(-1)!.timeline.at(-1), { fromStep: 6, learningRate: 0.05 });
});

test('a plateau lowers the rate by a decision at the step that was validated', async () => {
  const timelines: TrainStepsInput['timeline'][] = [];
  await run(
    {
      async trainSteps(input) {
        timelines.push(input.timeline);
        const { validation, ...segment } = segmentTo(input);
        return { ...segment, validation: validation && { ...validation, accuracy: 0.5 } };
      },
    },
    { training: { ...training, plateau: { patience: 1, factor: 0.5 } } },
  );
  const start = { fromStep: 0, numerics };
  assert.deepEqual(timelines, [
    [start],
    [start],
    [start, { fromStep: 6, learningRateFactor: 0.5 }],
    [start, { fromStep: 6, learningRateFactor: 0.5 }, { fromStep: 9, learningRateFactor: 0.25 }],
  ]);
});

test('a run that is cancelled ends cancelled, once its segment has handed back', async () => {
  const { trainSteps, trainsTo6, handedBack } = stoppedBeforeStep6([]);
  const cancelled = run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    await handle.cancel();
  });
  await assert.rejects(cancelled, (error) => {
    assert.ok(error instanceof WorkflowFailedError);
    assert.ok(isCancellation(error.cause));
    return true;
  });
  assert.ok(handedBack());
});

test('a run that is cancelled while damaged data are made anew hands its state back', async () => {
  let [mending, handedBack] = [false, 0];
  const usual = fakeActivities({});
  const cancelled = run(
    {
      trainSteps: (input) =>
        durable(async () => {
          if (input.toStep === 3) return segmentTo(input);
          mending = true;
          throw new NightshiftError('DamagedObject', 'a byte is another');
        }),
      splitDataset: (input) =>
        durable(async (step) => {
          await until(() => {
            step.report('splitting');
            step.signal.throwIfAborted();
            return !mending;
          });
          return usual.splitDataset(input);
        }),
      async handBack({ reachedStep }) {
        handedBack = reachedStep;
        return null;
      },
    },
    { training },
    async (handle) => {
      await until(() => mending);
      await sleep(300);
      await handle.cancel();
    },
  );
  await assert.rejects(cancelled, WorkflowFailedError);
  assert.equal(handedBack, 3);
});

test('a paused run can be cancelled, and is then no longer paused', async () => {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6([]);
  let id = '';
  const cancelled = run({ trainSteps }, { training }, async (handle) => {
    id = handle.workflowId;
    await trainsTo6();
    await handle.executeUpdate(pauseUpdate);
    await handle.cancel();
  });
  await assert.rejects(cancelled, WorkflowFailedError);
  const { paused, stages } = await harness.progressOf(id);
  assert.equal(paused, false);
  assert.equal(stages.find(({ name }) => name === 'train')!.status, 'cancelled');
});
