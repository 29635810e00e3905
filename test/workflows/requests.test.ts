/** What a user asks of the state that training has reached, on a real Temporal server: a checkpoint, a validation. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { durable } from '../../activities/durable.ts';
import type { Segment, TrainStepsInput } from '../../contract/stages.ts';
import {
  checkpointNowUpdate,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  validateNowUpdate,
} from '../../workflows/messages.ts';
import { segmentTo } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Harness } from './harness.ts';
import { refused } from './refused.ts';

let harness: Harness;
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

/** The segment to step 6 trains until it is stopped, at step 4; whoever asks for that state is given it. */
function stoppedAt4(asked: TrainStepsInput[]) {
  let trains = false;
  return {
    trainsTo6: () => until(() => trains),
    trainSteps: async (input: TrainStepsInput): Promise<Segment> => {
      asked.push(input);
      if (input.toStep === 6 && !trains) {
        return durable(async (step) => {
          trains = true;
          while (!step.signal.aborted) {
            step.report('training');
            await sleep(30);
          }
          throw new Error('stopped');
        });
      }
      if (!input.asked) return segmentTo(input);
      const lookedAt = { step: 4, epoch: 2, loss: 1, accuracy: 0.99, top5: 1 };
      const at4 = { step: 4, validation: null, durableStep: 4 };
      return segmentTo(input, {
        ...at4,
        checkpoint: { run: input.inputs.run, lineage: 'l', step: 4 },
        ...(input.asked.validation && { lookedAt }),
      });
    },
  };
}

const stepsOf = (asked: readonly TrainStepsInput[]) =>
  asked.map(({ reachedStep, toStep }) => [reachedStep, toStep]);

test('`checkpointNow` says which state is stored and where, and training goes on from there', async () => {
  const asked: TrainStepsInput[] = [];
  const { trainSteps, trainsTo6 } = stoppedAt4(asked);
  const { result, progress } = await harness.run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    const stored = await handle.executeUpdate(checkpointNowUpdate);
    const { run } = await handle.query(progressQuery);
    assert.deepEqual(stored, { step: 4, key: `runs/${run}/l/000000004/manifest.json` });
  });
  assert.deepEqual(stepsOf(asked), [
    [0, 3],
    [3, 6],
    [3, 6],
    [4, 6],
    [6, 9],
    [9, 12],
  ]);
  assert.deepEqual([asked[2]!.enoughAfterSeconds, asked[2]!.asked], [0, { validation: false }]);
  assert.equal(asked[3]!.asked, undefined);
  assert.deepEqual([result.steps, result.resumes], [12, 0]);
  assert.equal(progress.training!.step, 12);
});

test('`validateNow` answers with what it found, and nothing is decided by that', async () => {
  const { trainSteps, trainsTo6 } = stoppedAt4([]);
  const { result, progress } = await harness.run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    const { step, accuracy } = await handle.executeUpdate(validateNowUpdate);
    assert.deepEqual([step, accuracy], [4, 0.99]);
  });
  assert.equal(result.bestStep, 12);
  assert.deepEqual(
    progress.training!.validations.map(({ step }) => step),
    [3, 6, 9, 12],
  );
});

test('two who ask at once are both answered', async () => {
  const { trainSteps, trainsTo6 } = stoppedAt4([]);
  await harness.run({ trainSteps }, { training }, async (handle) => {
    await trainsTo6();
    const [stored, validation] = await Promise.all([
      handle.executeUpdate(checkpointNowUpdate),
      handle.executeUpdate(validateNowUpdate),
    ]);
    assert.deepEqual([stored.step, validation.step], [4, 4]);
  });
});

test('nothing is asked of a run that is paused, or has not begun to train', async () => {
  const { trainSteps, trainsTo6 } = stoppedAt4([]);
  let begins = false;
  const ingest = async (): Promise<void> => until(() => begins);
  await harness.run({ trainSteps, writeShard: ingest }, { training }, async (handle) => {
    await refused(handle.executeUpdate(checkpointNowUpdate), /training has not begun/);
    begins = true;
    await trainsTo6();
    await handle.executeUpdate(pauseUpdate);
    await refused(handle.executeUpdate(checkpointNowUpdate), /the run is paused/);
    await refused(handle.executeUpdate(validateNowUpdate), /resume it first/);
    await handle.executeUpdate(resumeUpdate);
  });
});

test('one who waits for the state when the run is paused is told so, not kept waiting', async () => {
  const asked: TrainStepsInput[] = [];
  const { trainSteps, trainsTo6 } = stoppedAt4([]);
  let saves = true;
  const { result } = await harness.run(
    {
      async trainSteps(input) {
        asked.push(input);
        if (input.asked) await until(() => !saves);
        return trainSteps(input);
      },
    },
    { training },
    async (handle) => {
      await trainsTo6();
      const stored = handle.executeUpdate(checkpointNowUpdate);
      await until(() => asked.at(-1)!.asked !== undefined);
      const paused = handle.executeUpdate(pauseUpdate);
      await refused(stored, /the run is paused: its state is stored already/);
      saves = false;
      await paused;
      await handle.executeUpdate(resumeUpdate);
    },
  );
  assert.equal(asked.filter((input) => input.asked).length, 1);
  assert.equal(result.steps, 12);
});
