/** Where a run goes on: on another worker, from another run's state, to a state that must be made anew. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { durable } from '../../activities/durable.ts';
import { configSchema } from '../../contract/config.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { Takeover, TrainStepsInput } from '../../contract/stages.ts';
import { numerics } from '../support/training-inputs.ts';
import { segmentTo } from './fake-activities.ts';
import { openHarness, training } from './harness.ts';
import type { Harness } from './harness.ts';
import { takeoverAt, theirs } from './takeovers.ts';

let harness: Harness;
const run: Harness['run'] = (...how) => harness.run(...how);
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

/** Runs with this takeover; returns what was asked of the trainer, and what came of it. */
async function goOn(takeover: Takeover) {
  const asked: TrainStepsInput[] = [];
  const ended = await run({
    resolveConfig: async () => ({
      preset: 'quickstart',
      config: configSchema.parse({ training }),
      takeover,
    }),
    async trainSteps(input) {
      asked.push(input);
      return segmentTo(input);
    },
  });
  const steps = asked.map(({ reachedStep, toStep }) => [reachedStep, toStep]);
  return { ...ended, asked, steps };
}

test('a run goes on from the middle of another, with its decisions and its best state', async () => {
  const { steps, asked, result } = await goOn(takeoverAt(6, [3, 6]));
  assert.deepEqual(steps, [
    [6, 9],
    [9, 12],
  ]);
  const { inputs, timeline, validations } = asked[0]!;
  assert.deepEqual(inputs.origin, theirs(6));
  assert.deepEqual(timeline, takeoverAt(6, []).timeline);
  assert.deepEqual(
    validations.map(({ step }) => step),
    [3, 6],
  );
  assert.equal(result.bestStep, 3);
});

test('a segment is told how far the attempt before it had come, though that failed', async () => {
  const asked: [number, number, number][] = [];
  await run({
    async trainSteps(input) {
      const { reachedStep, seenStep, toStep } = input;
      asked.push([reachedStep, seenStep, toStep]);
      if (asked.length !== 2) return segmentTo(input);
      return durable(async () => {
        throw new NightshiftError('TrainerDied', 'killed', { details: { step: 5 } });
      });
    },
  });
  assert.deepEqual(asked.slice(0, 4), [
    [0, 0, 3],
    [3, 3, 6],
    [3, 5, 6],
    [6, 6, 9],
  ]);
});

test('a state at a milestone that the other run had not validated is validated first', async () => {
  const { steps } = await goOn(takeoverAt(6, [3]));
  assert.deepEqual(steps, [
    [6, 6],
    [6, 9],
    [9, 12],
  ]);
});

test('of a run that was complete nothing is trained again', async () => {
  const { steps, result } = await goOn(takeoverAt(12, [3, 6, 9, 12]));
  assert.deepEqual(steps, []);
  assert.deepEqual([result.steps, result.bestStep], [12, 3]);
});

test("a fork's own hardware and settings hold from the step where it parts", async () => {
  const forkedFrom = { lineage: 'theirs', step: 6 };
  const { asked, steps } = await goOn(takeoverAt(6, [3, 6], { forked: true, forkedFrom }));
  assert.deepEqual(steps[0], [6, 9]);
  assert.deepEqual(asked[0]!.inputs.forkedFrom, forkedFrom);
  assert.deepEqual(asked[0]!.timeline.at(-1), { fromStep: 6, numerics });
});

test('a run that had no state begins anew', async () => {
  const { asked, steps } = await goOn(takeoverAt(0, [], { origin: null }));
  assert.deepEqual(steps[0], [0, 3]);
  assert.deepEqual(asked[0]!.timeline, [{ fromStep: 0, numerics }]);
  assert.equal(asked[0]!.inputs.origin, undefined);
});

test('a worker that had the state and is gone is waited for a few seconds, and another one goes on', async () => {
  const asked: number[] = [];
  const startedAt = performance.now();
  const { result, progress } = await run({
    async trainSteps(input) {
      asked.push(input.toStep);
      return segmentTo(input, input.toStep === 6 ? { workerQueue: 'gone' } : {});
    },
  });
  assert.deepEqual(asked, [3, 6, 9, 12]);
  const seconds = (performance.now() - startedAt) / 1000;
  assert.ok(seconds >= 5 && seconds < 15, `${seconds} s`);
  assert.equal(progress.lastProblem, undefined);
  assert.equal(result.steps, 12);
});

test('a best state that is damaged is made anew before it predicts', async () => {
  const asked: number[] = [];
  const predicted: number[] = [];
  const { result } = await run({
    async trainSteps(input) {
      asked.push(input.toStep);
      // The one of step 6 is the best.
      const { validation, ...segment } = segmentTo(input);
      const accuracy = input.toStep === 6 ? 0.9 : 0.5;
      return { ...segment, validation: validation && { ...validation, accuracy } };
    },
    predictShard: ({ stage }) =>
      durable(async () => {
        predicted.push(stage.checkpoint.step);
        if (predicted.length === 1) {
          throw new NightshiftError('DamagedObject', 'a byte is another', {
            cause: new Error('expected SHA-256 a, got b'),
          });
        }
      }),
  });
  assert.deepEqual(asked, [3, 6, 9, 12, 6]);
  assert.ok(predicted.length >= 2 && predicted.every((step) => step === 6));
  assert.equal(result.bestStep, 6);
});
