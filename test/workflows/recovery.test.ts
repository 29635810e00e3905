/** Where a run goes on: on another worker, from another run's state, to a state that must be made anew. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { durable } from '../../activities/durable.ts';
import type { ReportRequest } from '../../activities/write-report.ts';
import { configSchema } from '../../contract/config.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type {
  CheckpointReference,
  Segment,
  Takeover,
  TrainStepsInput,
} from '../../contract/stages.ts';
import { numerics } from '../support/training-inputs.ts';
import { fakeActivities, segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training } from './harness.ts';
import type { Harness } from './harness.ts';
import { takeoverAt, theirs } from './takeovers.ts';

let harness: Harness;
const run: Harness['run'] = (...how) => harness.run(...how);
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

/** A run is given this takeover. */
const goingOn = (takeover: Takeover): Partial<Activities> => ({
  resolveConfig: async () => ({
    preset: 'quickstart',
    config: configSchema.parse({ training }),
    takeover,
  }),
});

/** Runs with this takeover; returns what was asked of the trainer, and what came of it. */
async function goOn(takeover: Takeover) {
  const asked: TrainStepsInput[] = [];
  const ended = await run({
    ...goingOn(takeover),
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

test('nor of one that was stopped and stays so, which says why', async () => {
  const { timeline } = takeoverAt(6, []);
  const stopped = [...timeline, { fromStep: 6, stop: 'budget' } as const];
  const { steps, result, progress } = await goOn(takeoverAt(6, [3, 6], { timeline: stopped }));
  assert.deepEqual(steps, []);
  assert.deepEqual([result.steps, progress.training!.stopped], [6, 'budget']);
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
  const { result, progress, history } = await run({
    async trainSteps(input) {
      asked.push(input.toStep);
      return segmentTo(input, input.toStep === 6 ? { workerQueue: 'gone' } : {});
    },
  });
  assert.deepEqual(asked, [3, 6, 9, 12]);
  const seconds = (performance.now() - startedAt) / 1000;
  assert.ok(seconds >= 5, `${seconds} s`);
  const queues = history.events!.map(
    (event) => event.activityTaskScheduledEventAttributes?.taskQueue?.name,
  );
  assert.equal(
    queues.filter((queue) => queue === 'gone').length,
    1,
    'one that is gone is asked once',
  );
  assert.equal(progress.lastProblem, undefined);
  assert.equal(result.steps, 12);
});

/** These steps are validated with 0.9 or, the first of them, a little more, others with 0.5. */
const best =
  (...steps: number[]) =>
  (input: TrainStepsInput): Segment => {
    const { validation, ...segment } = segmentTo(input);
    const place = steps.indexOf(input.toStep);
    const accuracy = place === -1 ? 0.5 : 0.9 - place / 100;
    return { ...segment, validation: validation && { ...validation, accuracy } };
  };

/** Predicts with no weights of these steps, before they are trained to once more. */
function damagedStates(...steps: number[]) {
  const asked: number[] = [];
  const predicted: number[] = [];
  const damaged = new Set(steps);
  const reported: ReportRequest[] = [];
  const damage = (step: number): NightshiftError =>
    new NightshiftError('DamagedObject', `step ${step}: a byte is another`);
  const usual = fakeActivities({});
  return {
    ...{ asked, predicted, reported, damaged },
    /** `train`: what comes of a segment. */
    activities: (train: (input: TrainStepsInput) => Segment): Partial<Activities> => ({
      trainSteps: (input) =>
        durable(async () => {
          asked.push(input.toStep);
          const segment = train(input);
          if (input.reachedStep === input.toStep) damaged.delete(segment.step);
          return segment;
        }),
      predictShard: ({ stage: { checkpoint } }) =>
        durable(async () => {
          const { step } = checkpoint as CheckpointReference;
          predicted.push(step);
          if (damaged.has(step)) throw damage(step);
        }),
      writeReport: (request) =>
        durable(async () => {
          reported.push(request);
          const { step } = request.trained.last;
          if (damaged.has(step)) throw damage(step);
          return usual.writeReport(request);
        }),
    }),
  };
}

test('a best state that is damaged is made anew before it predicts', async () => {
  const states = damagedStates(6);
  const { result } = await run(states.activities(best(6)));
  assert.deepEqual(states.asked, [3, 6, 9, 12, 6]);
  assert.deepEqual(states.predicted, [6, 6]);
  assert.equal(result.bestStep, 6);
});

test('a state that takes more than a slice of time to be made anew is gone on with', async () => {
  const states = damagedStates(6);
  let slices = 0;
  const { result } = await run(
    states.activities((input) => {
      const isOver = states.asked.length === 5;
      slices += 1;
      return isOver ? segmentTo(input, { step: 4, validation: null }) : best(6)(input);
    }),
  );
  assert.equal(slices, 6);
  assert.deepEqual(states.predicted, [6, 6]);
  assert.equal(result.bestStep, 6);
});

test('a fork that has lost its best state makes the next best anew, which was let go of', async () => {
  const states = damagedStates(3, 9);
  const takeover = takeoverAt(6, [3], {
    forked: true,
    forkedFrom: { lineage: 'theirs', step: 6 },
  });
  const { result, progress } = await run({
    ...goingOn(takeover),
    ...states.activities(best(9)),
  });
  assert.deepEqual(states.predicted, [3, 9, 9]);
  assert.deepEqual(states.asked.slice(-2), [12, 9]);
  assert.equal(result.bestStep, 9);
  assert.match(progress.lastProblem!.message, /the best state, step 3, is lost/);
});

test("a run that goes on from a fork asks for no state between that one's beginning and its own", async () => {
  const states = damagedStates(6);
  const takeover = takeoverAt(9, [6, 9], { forkedFrom: { lineage: 'theirs', step: 3 } });
  const { result } = await run({ ...goingOn(takeover), ...states.activities(best()) });
  assert.deepEqual(states.asked, [12]);
  assert.deepEqual(states.predicted, [6, 9]);
  assert.equal(result.bestStep, 9);
});

test('a best state that only another hardware could make anew is lost, and changes no other', async () => {
  const states = damagedStates(6);
  const { result, progress } = await run(
    states.activities((input) => {
      if (input.reachedStep < input.toStep) return best(6, 9)(input);
      const details = { numerics: { ...numerics, threads: 8 }, step: 0 };
      throw new NightshiftError('NumericsDiffer', 'another machine', { details });
    }),
  );
  assert.deepEqual(states.predicted, [6, 9]);
  assert.equal(result.bestStep, 9);
  assert.deepEqual(result.notBitEqual, []);
  assert.deepEqual(
    progress.training?.validations.map(({ step }) => step),
    [3, 6, 9, 12],
  );
  assert.equal(
    progress.lastProblem!.message,
    'the best state, step 6, is lost, the next best is used: another machine',
  );
});

test('a best state that is lost when the report is due is not reported', async () => {
  const states = damagedStates(12);
  const usual = states.activities((input) => {
    if (input.reachedStep < input.toStep || input.toStep === 12) return best(6, 9)(input);
    throw new NightshiftError('InvalidData', 'nothing leads there');
  });
  const { result } = await run({
    ...usual,
    async writeReport(request) {
      if (states.reported.length === 0) states.damaged.add(6);
      return usual.writeReport!(request);
    },
  });
  assert.equal(result.bestStep, 9);
  const [before, now] = states.reported;
  assert.deepEqual([before!.trained.best.step, now!.trained.best.step], [6, 9]);
  assert.notEqual(before!.predictions, now!.predictions);
});
