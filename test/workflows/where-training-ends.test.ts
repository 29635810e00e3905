/** Where training ends on a real Temporal server: by a rule, by a budget, or as a user says; and how it is extended. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { durable } from '../../activities/durable.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { TrainStepsInput } from '../../contract/stages.ts';
import {
  extendEpochsUpdate,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  stopAndFinishUpdate,
} from '../../workflows/messages.ts';
import { fakeActivities, segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Harness } from './harness.ts';
import { refused } from './refused.ts';
import { stoppedBeforeStep6 } from './stopped-segments.ts';

let harness: Harness;
const run: Harness['run'] = (...how) => harness.run(...how);
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

test('training that gets no better ends with the validation that says so, its state stored', async () => {
  const asked: TrainStepsInput[] = [];
  const { result, progress } = await run(
    {
      async trainSteps(input) {
        asked.push(input);
        const { validation, ...segment } = segmentTo(input);
        return { ...segment, validation: validation && { ...validation, accuracy: 0.5 } };
      },
    },
    { training: { ...training, earlyStop: { patience: 1 } } },
  );
  assert.deepEqual(
    asked.map(({ reachedStep, toStep }) => [reachedStep, toStep]),
    [
      [0, 3],
      [3, 6],
      [6, 6],
    ],
  );
  assert.deepEqual(asked.at(-1)!.timeline.at(-1), { fromStep: 6, stop: 'early stop' });
  assert.deepEqual([result.steps, result.bestStep], [6, 3]);
  assert.equal(progress.training!.stopped, 'early stop');
});

test('a budget is counted while a trainer is at work, and ends training where it is spent', async () => {
  const asked: TrainStepsInput[] = [];
  const { result } = await run(
    {
      async trainSteps(input) {
        asked.push(input);
        const segment = segmentTo(input, { trainerSeconds: 60 });
        // The slice of what is left.
        return input.toStep === 6 && input.reachedStep === 3
          ? { ...segment, step: 5, validation: null }
          : segment;
      },
    },
    { training, budget: { money: 1, pricePerHour: 30 } },
  );
  assert.deepEqual(
    asked.map(({ reachedStep, toStep, enoughAfterSeconds }) => [
      ...[reachedStep, toStep, enoughAfterSeconds],
    ]),
    [
      [0, 3, 120],
      [3, 6, 60],
      [5, 5, 0],
    ],
  );
  assert.deepEqual(asked.at(-1)!.timeline.at(-1), { fromStep: 5, stop: 'budget' });
  assert.equal(result.steps, 5);
});

test('of a segment that fails or is interrupted a budget counts how long it is known to have held a trainer', async () => {
  const left: unknown[] = [];
  await run(
    {
      trainSteps: (input) =>
        durable(async (step) => {
          const segments = left.push(input.enoughAfterSeconds);
          if (segments === 1) return segmentTo(input, { trainerSeconds: 10 });
          if (segments > 4) return segmentTo(input);
          // The last one waits for its turn.
          const reported = [{ trainerSeconds: 60 }, { trainerSeconds: 30 }, 'waiting'][
            segments - 2
          ];
          step.report(reported);
          if (segments === 2) throw new NightshiftError('TrainerDied', 'killed');
          await until(() => {
            step.report(reported);
            return step.signal.aborted;
          });
          throw new Error('stopped');
        }),
    },
    { training, budget: { hours: 1 } },
    async (handle) => {
      for (const segments of [3, 4]) {
        await until(() => left.length === segments);
        await handle.executeUpdate(pauseUpdate);
        await handle.executeUpdate(resumeUpdate);
      }
    },
  );
  assert.deepEqual(left.slice(0, 5), [3_600, 3_590, 3_530, 3_500, 3_500]);
});

test('a spent budget ends no training that was thrown back behind a validation, before it is there again', async () => {
  const asked: TrainStepsInput[] = [];
  const { result } = await run(
    {
      async trainSteps(input) {
        asked.push(input);
        const { reachedStep, toStep, enoughAfterSeconds } = input;
        const change = { trainerSeconds: 60, loadedStep: null };
        const isThrownBack = reachedStep === 6 && toStep === 9 && asked.length === 3;
        const step = isThrownBack ? 4 : enoughAfterSeconds === 0 ? reachedStep : toStep;
        const segment = segmentTo({ ...input, toStep: step }, change);
        return step === toStep ? segment : { ...segment, validation: null };
      },
    },
    { training, budget: { hours: 180 / 3_600 } },
  );
  assert.deepEqual(
    asked.map(({ reachedStep, toStep, enoughAfterSeconds }) => [
      ...[reachedStep, toStep, enoughAfterSeconds],
    ]),
    [
      [0, 3, 180],
      [3, 6, 120],
      [6, 9, 60],
      [4, 6, undefined],
      [6, 6, 0],
    ],
  );
  assert.deepEqual(asked.at(-1)!.timeline.at(-1), { fromStep: 6, stop: 'budget' });
  assert.equal(result.steps, 6);
});

/** Two steps, and their state, are left of the segment to step 6 that is stopped. */
function stoppedAtStep5(asked: TrainStepsInput[]) {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6(asked);
  const stopped: Activities['trainSteps'] = async (input) => {
    const segment = await trainSteps(input);
    return input.enoughAfterSeconds === 0 && input.toStep === 6
      ? { ...segmentTo({ ...input, toStep: 5 }), validation: null, loadedStep: 5, loss: null }
      : segment;
  };
  return { trainSteps: stopped, trainsTo6 };
}

test('`stopAndFinish` ends training at the step reached, validates its state, and finishes by the best', async () => {
  const asked: TrainStepsInput[] = [];
  const { trainSteps, trainsTo6 } = stoppedAtStep5(asked);
  const { result, progress } = await run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    await handle.executeUpdate(stopAndFinishUpdate);
  });
  assert.deepEqual(
    asked.map(({ reachedStep, toStep, enoughAfterSeconds }) => [
      ...[reachedStep, toStep, enoughAfterSeconds],
    ]),
    [
      [0, 3, undefined],
      [3, 6, undefined],
      [3, 6, 0],
      [5, 5, 0],
    ],
  );
  assert.deepEqual(asked.at(-1)!.timeline.at(-1), { fromStep: 5, stop: 'asked' });
  assert.deepEqual([result.steps, result.bestStep], [5, 5]);
  assert.deepEqual([progress.training!.steps, progress.training!.stopped], [5, 'asked']);
  assert.ok(progress.stages.every(({ status }) => status === 'done'));
});

test('a paused run that is stopped finishes without a `resume`', async () => {
  const asked: TrainStepsInput[] = [];
  const { trainSteps, trainsTo6 } = stoppedAtStep5(asked);
  const { result, progress } = await run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    await handle.executeUpdate(pauseUpdate);
    await handle.executeUpdate(stopAndFinishUpdate);
  });
  assert.equal(result.steps, 5);
  assert.equal(progress.paused, false);
});

test('a run that is stopped while an epoch’s shards are waited for ends where it is, without them', async () => {
  const asked: number[] = [];
  const { result } = await run(
    {
      augmentShard: ({ stage }) =>
        durable((step) =>
          until(() => {
            step.report('augmenting');
            step.signal.throwIfAborted();
            return stage.view === 0;
          }),
        ),
      async trainSteps(input) {
        asked.push(input.toStep);
        return segmentTo(input);
      },
    },
    { training },
    async (handle) => {
      await until(async () => (await handle.query(progressQuery)).training?.step === 3);
      await handle.executeUpdate(stopAndFinishUpdate);
    },
  );
  assert.deepEqual(asked, [3, 3]);
  assert.equal(result.steps, 3);
});

test('after a stop nothing more can be asked of training, and before it begins no end', async () => {
  const { trainSteps, trainsTo6 } = stoppedBeforeStep6([]);
  const usual = fakeActivities({});
  let isAsked = false;
  await run(
    {
      trainSteps,
      async splitDataset(input) {
        await until(() => isAsked);
        return usual.splitDataset(input);
      },
    },
    { training },
    async (handle) => {
      await refused(handle.executeUpdate(stopAndFinishUpdate), /training has not begun: .+ cancel/);
      const extend = (epochs: number) =>
        handle.executeUpdate(extendEpochsUpdate, { args: [{ epochs }] });
      await refused(extend(6), /training has not begun: start the run with another/);
      isAsked = true;
      await trainsTo6();
      await handle.executeUpdate(stopAndFinishUpdate);
      await refused(handle.executeUpdate(stopAndFinishUpdate), /training is about to end/);
      await refused(extend(6), /training is about to end/);
    },
  );
});

test('`extendEpochs` trains for more, also while the last steps that were planned are under way', async () => {
  const asked: TrainStepsInput[] = [];
  let holds = true;
  const { result, progress } = await run(
    {
      async trainSteps(input) {
        asked.push(input);
        if (input.toStep === 12) await until(() => !holds);
        return segmentTo(input);
      },
    },
    { training },
    async (handle) => {
      await until(() => asked.at(-1)?.toStep === 12);
      const extend = (plan: unknown) =>
        handle.executeUpdate(extendEpochsUpdate, { args: [plan as { epochs: number }] });
      for (const plan of [{ epochs: 4 }, { epochs: 4.5 }, 6, {}]) {
        await refused(extend(plan), /a whole number above the 4 that are planned/);
      }
      await refused(extend({ epochs: 1e300 }), /1e\+300 epochs of 3 steps: give fewer/);
      await extend({ epochs: 5 });
      await refused(extend({ epochs: 5 }), /above the 5 that are planned/);
      holds = false;
    },
  );
  assert.deepEqual(
    asked.map(({ toStep }) => toStep),
    [3, 6, 9, 12, 15],
  );
  assert.deepEqual(asked.at(-1)!.timeline.at(-1), { fromStep: 12, epochs: 5 });
  assert.equal(result.steps, 15);
  assert.equal(progress.training!.epochs, 5);
});
