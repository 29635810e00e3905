import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllerAfter, endAfter } from '../../contract/controller.ts';

const measured = (...accuracies: number[]) =>
  accuracies.map((accuracy, index) => ({ step: (index + 1) * 10, accuracy }));
const plateau = { patience: 2, factor: 0.5, minDelta: 0 };

test('before any validation nothing is best and the rate is as scheduled', () => {
  assert.deepEqual(controllerAfter([], plateau), {
    best: null,
    patience: 0,
    learningRateFactor: 1,
  });
});

test('the rate goes down after as many validations without a better one as the rule says', () => {
  assert.equal(controllerAfter(measured(0.5, 0.4), plateau).learningRateFactor, 1);
  assert.equal(controllerAfter(measured(0.5, 0.4, 0.5), plateau).learningRateFactor, 0.5);
  assert.equal(controllerAfter(measured(0.5, 0.4, 0.5, 0.1), plateau).learningRateFactor, 0.5);
  assert.equal(controllerAfter(measured(0.5, 0.4, 0.5, 0.1, 0), plateau).learningRateFactor, 0.25);
});

test('a better validation begins the counting anew', () => {
  const after = controllerAfter(measured(0.5, 0.4, 0.6, 0.5), plateau);
  assert.deepEqual(after, {
    best: { step: 30, accuracy: 0.6 },
    patience: 1,
    learningRateFactor: 1,
  });
});

test('what is better by less than the least difference is not better', () => {
  const strict = { ...plateau, minDelta: 0.1 };
  assert.equal(controllerAfter(measured(0.5, 0.55, 0.6), strict).learningRateFactor, 0.5);
});

test('without a rule the rate stays, and the best is still known', () => {
  const after = controllerAfter(measured(0.5, 0.4, 0.3, 0.2, 0.1), undefined);
  assert.equal(after.learningRateFactor, 1);
  assert.equal(after.best?.step, 10);
});

test('training ends with as many validations without a better one as the rule allows', () => {
  const earlyStop = { patience: 2, minDelta: 0.05 };
  const end = (...accuracies: number[]) => endAfter(measured(...accuracies), { earlyStop });
  assert.equal(end(0.5, 0.4), undefined);
  assert.equal(end(0.5, 0.4, 0.54), 'early stop');
  assert.equal(end(0.5, 0.4, 0.56), undefined);
});

test('validations from before a rule began do not count against it, but for the best', () => {
  const rules = { earlyStop: { patience: 2, minDelta: 0 } };
  const end = (...accuracies: number[]) => endAfter(measured(...accuracies), rules, 30);
  assert.equal(end(0.5, 0.4, 0.4, 0.4), undefined);
  assert.equal(end(0.5, 0.4, 0.4, 0.4, 0.4), 'early stop');
  assert.equal(end(0.5, 0.4, 0.4, 0.4, 0.6), undefined);
});

test('training ends with the validation that reaches the target, and with none before', () => {
  assert.equal(endAfter(measured(0.5, 0.79), { target: 0.8 }), undefined);
  assert.equal(endAfter(measured(0.5, 0.8), { target: 0.8 }), 'target');
});
