import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../data/digest.ts';
import type { Sample } from '../../data/sample-list.ts';
import { sideOf, splitSamples } from '../../data/split.ts';
import { sides } from '../../contract/manifests.ts';

const fractions = { train: 0.6, validation: 0.2, test: 0.2 };
const classes = ['cat', 'dog', 'owl'];

/** `count` samples; content `n` is the same in every call. */
function made(count: number, from = 0): Sample[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `b/${from + index}`,
    file: 'b.bin',
    offset: 3073 * (from + index) + 1,
    length: 3072,
    label: (from + index) % classes.length,
    sha256: sha256(`content ${from + index}`),
  }));
}

function sidesById(split: ReturnType<typeof splitSamples>): Map<string, string> {
  return new Map(sides.flatMap((side) => split[side].map(({ id }) => [id, side])));
}

/** How many of each class are taken under a limit. */
function taken(samples: Sample[], limit: number): number[] {
  const split = splitSamples(samples, classes, fractions, limit);
  const all = sides.flatMap((side) => split[side]);
  return classes.map((_, label) => all.filter((sample) => sample.label === label).length);
}

test('each sample lies on one side, in parts near the fractions', () => {
  const split = splitSamples(made(6000), classes, fractions);
  assert.equal(sidesById(split).size, 6000);
  for (const side of sides) {
    for (const label of classes.keys()) {
      const expected = fractions[side] * 2000;
      const count = split[side].filter((sample) => sample.label === label).length;
      // Three standard deviations of the binomial.
      const spread = 3 * Math.sqrt(2000 * fractions[side] * (1 - fractions[side]));
      assert.ok(Math.abs(count - expected) < spread, `${side} ${label}: ${count}`);
    }
  }
});

test('adding samples moves no old one', () => {
  const before = sidesById(splitSamples(made(1000), classes, fractions));
  const after = sidesById(splitSamples(made(5000), classes, fractions));
  for (const [id, side] of before) assert.equal(after.get(id), side);
});

test('a limit moves no sample to another side', () => {
  const whole = sidesById(splitSamples(made(2000), classes, fractions));
  const part = sidesById(splitSamples(made(2000), classes, fractions, 600));
  assert.equal(part.size, 600);
  for (const [id, side] of part) assert.equal(whole.get(id), side);
});

test('a limited set is split by the same fractions', () => {
  const { train } = splitSamples(made(12_000), classes, fractions, 3000);
  assert.ok(Math.abs(train.length - 1800) < 3 * Math.sqrt(3000 * 0.6 * 0.4), `${train.length}`);
});

test('a limit takes equal parts of each class, and more of the others where one has too few', () => {
  assert.deepEqual(taken(made(900), 300), [100, 100, 100]);
  assert.equal(Math.max(...taken(made(900), 301)), 101);
  const fewOwls = made(900).filter(({ label }, index) => label < 2 || index < 90);
  assert.deepEqual(taken(fewOwls, 300), [135, 135, 30]);
  assert.deepEqual(taken(fewOwls, 100_000), [300, 300, 30]);
});

test('equal contents lie on one side, even under different labels', () => {
  const twins = made(300).flatMap((sample) => [
    sample,
    { ...sample, id: `${sample.id}-twin`, label: (sample.label + 1) % 3 },
  ]);
  const bySide = sidesById(splitSamples(twins, classes, fractions));
  for (const { id } of made(300)) assert.equal(bySide.get(id), bySide.get(`${id}-twin`));
});

test('a side is in the order of its contents, in whatever order they came', () => {
  const samples = made(500);
  const split = splitSamples(samples, classes, fractions);
  assert.deepEqual(splitSamples(samples.toReversed(), classes, fractions), split);
  assert.notDeepEqual(
    split.train.map(({ offset }) => offset),
    split.train.map(({ offset }) => offset).toSorted((a, b) => a - b),
  );
});

test('the hash of all zeros is a training sample, the one of all ones a test sample', () => {
  assert.equal(sideOf('0'.repeat(64), fractions), 'train');
  assert.equal(sideOf('f'.repeat(64), fractions), 'test');
  // 0.6 to 0.8 of 2^52.
  assert.equal(sideOf('9999999999999'.padEnd(64, '0'), fractions), 'train');
  assert.equal(sideOf('999999999999a'.padEnd(64, '0'), fractions), 'validation');
});

test('an empty side is refused with the number of samples and a remedy', () => {
  const onlyTraining = made(100).filter(({ sha256 }) => sideOf(sha256, fractions) === 'train');
  assert.throws(
    () => splitSamples(onlyTraining, classes, fractions),
    (error: Error) =>
      error.name === 'InvalidData' &&
      error.message.startsWith(
        `the validation side of the split is empty: ${onlyTraining.length} samples are too few`,
      ),
  );
});

test('a class without a training sample is refused by name, with its counts', () => {
  const untaught = made(300).filter(
    ({ label, sha256 }) => label !== 1 || sideOf(sha256, fractions) === 'test',
  );
  const tests = untaught.filter(({ label }) => label === 1).length;
  assert.throws(
    () => splitSamples(untaught, classes, fractions),
    new RegExp(
      `class 'dog' has no training sample \\(train 0, validation 0, test ${tests}\\); take more images \\('dataset.limit', 'dataset.source'\\)`,
    ),
  );
});
