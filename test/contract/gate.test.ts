import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chanceOfSoMany, evaluateGate } from '../../contract/gate.ts';
import type { Judged } from '../../contract/gate.ts';

const lenient = { minAccuracy: 0, margin: 1, level: 0, classFloor: 0 };

/** A letter an image: its class; a capital is recognised. */
const judged = (letters: string): Judged[] =>
  letters.split('').map((letter) => ({
    label: letter.toLowerCase(),
    right: letter !== letter.toLowerCase(),
  }));

const failed = (...how: Parameters<typeof evaluateGate>): string[] =>
  evaluateGate(...how)
    .rules.filter(({ passed }) => !passed)
    .map(({ rule }) => rule);

test("McNemar's exact test agrees with the binomial distribution", () => {
  // By whole numbers: the sum of (n choose k) from k on, divided by 2^n.
  assert.ok(Math.abs(chanceOfSoMany(10, 2) - 0.019287109375) < 1e-12);
  assert.ok(Math.abs(chanceOfSoMany(2, 10) - 0.996826171875) < 1e-12);
  assert.ok(Math.abs(chanceOfSoMany(560, 440) - 8.252493527522651e-5) < 1e-14);
  assert.equal(chanceOfSoMany(0, 0), 1);
  assert.ok(Math.abs(chanceOfSoMany(5_000, 5_000) - 0.5039893230696911) < 1e-9);
});

test('a candidate must reach the accuracy, to the last image', () => {
  const limits = { ...lenient, minAccuracy: 0.75 };
  assert.deepEqual(failed(limits, judged('AAAb'), null), []);
  assert.deepEqual(failed(limits, judged('AAbb'), null), ['accuracy']);
});

test('a candidate whose best validation was too bad fails, whatever the test images say', () => {
  const validation = { least: 0.5, accuracy: 0.4 };
  assert.deepEqual(failed({ ...lenient, validation }, judged('AABB'), null), ['validation']);
  const enough = { ...lenient, validation: { least: 0.5, accuracy: 0.5 } };
  assert.deepEqual(failed(enough, judged('AABB'), null), []);
});

test('a class that is recognised too seldom fails a candidate that is good on the whole', () => {
  const candidate = judged('AAAAAAAABb');
  assert.deepEqual(failed({ ...lenient, classFloor: 0.5 }, candidate, null), []);
  assert.deepEqual(failed({ ...lenient, classFloor: 0.6 }, candidate, null), ['class floor']);
});

test("a candidate may lie below the champion's accuracy by the margin, and no further", () => {
  const limits = { ...lenient, margin: 0.1 };
  const champion = judged('AAAAABBBBB');
  assert.deepEqual(failed(limits, judged('aAAAABBBBB'), champion), []);
  assert.deepEqual(failed(limits, judged('aaAAABBBBB'), champion), ['margin']);
});

test('what only chance would seldom give fails a candidate within the margin', () => {
  const limits = { ...lenient, level: 0.05 };
  const champion = judged('A'.repeat(100));
  // 1 in 16 and 1 in 32.
  assert.deepEqual(failed(limits, judged(`aaaa${'A'.repeat(96)}`), champion), []);
  assert.deepEqual(failed(limits, judged(`aaaaa${'A'.repeat(95)}`), champion), ['McNemar']);
});

test('a better candidate passes, and every rule says what it measured and against what', () => {
  const gate = evaluateGate(
    { minAccuracy: 0.4, margin: 0.01, level: 0.05, classFloor: 0.1 },
    judged('AABb'),
    judged('Aabb'),
  );
  assert.equal(gate.passed, true);
  assert.equal(gate.samples, 4);
  assert.deepEqual(
    gate.rules.map(({ text }) => text),
    [
      'test accuracy 75.00 %, at least 40.00 %',
      'of class b, the worst, 50.00 % recognised, at least 10.00 %',
      "50.00 % above the champion's 25.00 %, at most 1.00 % below",
      '0 images only the champion recognises, 2 only the candidate: by chance in 100.00 % of cases, at least 5.00 %',
    ],
  );
});

test('a champion of other classes is no measure, and only a person replaces it', () => {
  assert.deepEqual(failed(lenient, judged('AB'), 'of other classes'), ['classes']);
});
