/** What follows from validations, and from when on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigInput } from '../../contract/config.ts';
import { openCourse } from '../../workflows/course.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const validated = (step: number, accuracy: number) => ({
  ...{ step, epoch: 0, loss: 1, accuracy, top5: 1, checkpoint: null },
});
/** None better than the first: with a patience of one, each but the first lowers the rate. */
const validations = [10, 20, 30, 40].map((step) => validated(step, step === 10 ? 0.5 : 0.4));
/** Of a run with this rule, or without. */
const inputsOf = (plateauFrom: number, training: ConfigInput['training'] = {}) => ({
  ...trainingInputs({ training }),
  plateauFrom,
});
const plateau = { patience: 1, factor: 0.5, minDelta: 0 };
const [start, lowered] = [
  { fromStep: 0, numerics },
  { fromStep: 20, learningRateFactor: 0.5 },
];

test('a plateau that a run takes up on the way says nothing of the validations before', () => {
  const course = openCourse(inputsOf(40, { plateau }), { timeline: [start], validations });
  course.validated(validated(50, 0.6));
  assert.deepEqual(course.timeline, [start]);
  course.validated(validated(60, 0.5));
  assert.deepEqual(course.timeline, [start, { fromStep: 60, learningRateFactor: 0.5 }]);
});

test('a rate that another rule has lowered stays so, and is lowered further from there', () => {
  const begin = { timeline: [start, lowered], validations };
  const without = openCourse(inputsOf(40), begin);
  without.validated(validated(50, 0.3));
  assert.deepEqual(without.timeline, [start, lowered]);
  const course = openCourse(inputsOf(40, { plateau }), begin);
  course.validated(validated(50, 0.3));
  assert.deepEqual(course.timeline, [start, lowered, { fromStep: 50, learningRateFactor: 0.25 }]);
});

test('what is validated again before a new plateau begins goes by the old decisions', () => {
  const begin = { timeline: [start, lowered], validations: [validations[0]!] };
  const course = openCourse(inputsOf(20, { plateau }), begin);
  course.validated(validations[1]!);
  assert.deepEqual(course.timeline, [start, lowered]);
});

test('a controller ends training by a decision at the step it validated, unless that is the last one', () => {
  const inputs = trainingInputs({ training: { batchSize: 100, epochs: 4, target: 0.6 } });
  const course = openCourse(inputs, { timeline: [start], validations: [] });
  course.validated(validated(30, 0.6));
  assert.deepEqual(course.timeline, [start, { fromStep: 30, stop: 'target' }]);
  assert.equal(course.plan.steps, 30);
  const last = openCourse(inputs, { timeline: [start], validations: [] });
  last.validated(validated(40, 0.6));
  assert.deepEqual(last.timeline, [start]);
});

test('an end that followed from validations is decided anew where they are lost, one that was told stays', () => {
  const inputs = trainingInputs({ training: { batchSize: 100, epochs: 4, target: 0.6 } });
  const course = openCourse(inputs, { timeline: [start], validations: [] });
  course.validated(validated(30, 0.6));
  course.turnOff(20, numerics);
  assert.equal(course.stopped, undefined);
  course.stop(25, 'asked');
  course.turnOff(10, numerics);
  assert.deepEqual([course.stopped, course.plan.steps], ['asked', 25]);
});
