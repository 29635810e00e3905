import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import { sides } from '../../contract/manifests.ts';
import type { Side } from '../../contract/manifests.ts';
import { sha256 } from '../../data/digest.ts';
import { isExpected } from '../../data/expected-counts.ts';
import type { Sample } from '../../data/sample-list.ts';
import { openSplit } from '../../data/split.ts';
import type { Split } from '../../data/split.ts';
import { placeOf, sideAt } from '../../data/sides.ts';

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

type Rules = NonNullable<ConfigInput['dataset']>;

function splitOf(samples: readonly Sample[], rules: Rules = {}): Split {
  const { dataset } = configSchema.parse({ dataset: rules });
  const split = openSplit(dataset, classes, samples.length);
  for (const sample of samples) split.add(sample);
  return split.end();
}

const listOf = (split: Split, side: Side): Sample[] => [...split.read(side)];

const sidesById = (split: Split): Map<string, Side> =>
  new Map(sides.flatMap((side) => listOf(split, side).map(({ id }) => [id, side])));

test('each sample lies on one side, in parts near the fractions', () => {
  const split = splitOf(made(6000));
  assert.equal(sidesById(split).size, 6000);
  for (const side of sides) {
    assert.equal(split.samples[side], listOf(split, side).length);
    for (const [label, count] of split.samplesByClass[side].entries()) {
      const expected = fractions[side] * 2000;
      const listed = listOf(split, side).filter((sample) => sample.label === label);
      assert.equal(count, listed.length);
      // Three standard deviations of the binomial.
      const spread = 3 * Math.sqrt(2000 * fractions[side] * (1 - fractions[side]));
      assert.ok(Math.abs(count - expected) < spread, `${side} ${label}: ${count}`);
    }
  }
});

test('adding samples moves no old one, whatever decides on the side', () => {
  const grouped = (count: number) =>
    made(count).map((sample, index) => ({ ...sample, group: `patient ${index % 300}` }));
  for (const rules of [
    {},
    { split: { train: 0.8, validation: 0.1, test: 0.1 } },
    { groupBy: 'group' },
    { groupBy: '(\\d)$' },
  ]) {
    const before = sidesById(splitOf(grouped(1000), rules));
    const after = sidesById(splitOf(grouped(5000), rules));
    assert.equal(before.size, 1000);
    for (const [id, side] of before) assert.equal(after.get(id), side);
  }
});

test('a limit moves no sample to another side', () => {
  const whole = sidesById(splitOf(made(2000)));
  const part = sidesById(splitOf(made(2000), { limit: 600 }));
  assert.equal(part.size, 600);
  for (const [id, side] of part) assert.equal(whole.get(id), side);
});

test('a limited set is split by the same fractions', () => {
  const { samples } = splitOf(made(12_000), { limit: 3000 });
  assert.ok(Math.abs(samples.train - 1800) < 3 * Math.sqrt(3000 * 0.6 * 0.4), `${samples.train}`);
});

test('a limit takes equal parts of each class, and more of the others where one has too few', () => {
  const taken = (samples: Sample[], limit: number): number[] => {
    const { samplesByClass } = splitOf(samples, { limit });
    return classes.map((_, label) =>
      sides.reduce((sum, side) => sum + samplesByClass[side][label]!, 0),
    );
  };
  assert.deepEqual(taken(made(900), 300), [100, 100, 100]);
  assert.equal(Math.max(...taken(made(900), 301)), 101);
  const fewOwls = made(900).filter(({ label }, index) => label < 2 || index < 90);
  assert.deepEqual(taken(fewOwls, 300), [135, 135, 30]);
  assert.deepEqual(taken(fewOwls, 100_000), [300, 300, 30]);
});

test('classes that are taken keep their order and their sides, and have the labels 0 and on', () => {
  const whole = sidesById(splitOf(made(900)));
  const split = splitOf(made(900), { classes: ['owl', 'cat'] });
  assert.deepEqual(split.classes, ['cat', 'owl']);
  const labels = new Map(made(900).map(({ id, label }) => [id, label]));
  for (const side of sides) {
    for (const { id, label } of listOf(split, side)) {
      assert.equal(whole.get(id), side);
      assert.equal(label, labels.get(id) === 0 ? 0 : 1);
    }
  }
  assert.equal(sidesById(split).size, 600);
});

test('a class that the dataset does not have is refused, with those it has', () => {
  assert.throws(() => splitOf(made(9), { classes: ['cat', 'cow', 'hen'] }), {
    name: 'InvalidData',
    message: "dataset.classes: the dataset has no class 'cow', 'hen'; it has cat, dog, owl",
  });
});

test('all samples of a group lie on one side, near the fractions of the groups', () => {
  const samples = made(6000).map((sample, index) => ({
    ...sample,
    id: `patient${index % 700}_${index}.png`,
    group: `patient${index % 700}`,
  }));
  const byColumn = sidesById(splitOf(samples, { groupBy: 'group' }));
  const sideOf = new Map<string, Side>();
  for (const { id, group } of samples) {
    const side = byColumn.get(id)!;
    assert.equal(sideOf.get(group) ?? side, side);
    sideOf.set(group, side);
  }
  const train = [...sideOf.values()].filter((side) => side === 'train').length;
  assert.ok(Math.abs(train - 420) < 3 * Math.sqrt(700 * 0.6 * 0.4), `${train}`);
  assert.deepEqual(sidesById(splitOf(samples, { groupBy: '^(patient\\d+)_' })), byColumn);
});

test('a sample without the group that is asked for is refused by its id', () => {
  const column = made(5).map((sample, index) => (index === 3 ? sample : { ...sample, group: 'a' }));
  assert.throws(() => splitOf(column, { groupBy: 'group' }), {
    name: 'InvalidData',
    message: /^dataset\.groupBy: the source names no group for image 'b\/3'/,
  });
  assert.throws(() => splitOf(made(5), { groupBy: '^b/([0-3])$' }), {
    name: 'InvalidData',
    message: /^dataset\.groupBy: '\^b\/\(\[0-3\]\)\$' finds no group in the id 'b\/4'/,
  });
});

test('chance is held against what falls together, not against single samples', () => {
  // Ten groups of 300: by single samples they would be far outside.
  const samples = made(3000).map((sample, index) => ({ ...sample, group: `${index % 10}` }));
  const grouped = splitOf(samples, { groupBy: 'group' });
  const single = splitOf(samples);
  const width = ({ expected }: Split): number => expected!.train.to - expected!.train.from;
  assert.equal(width(single), 160); // 6 standard deviations of the binomial: 161.0
  assert.equal(width(grouped), 1394 + 1200); // above the mean there are no more
  assert.ok(isExpected(single.samples, single.expected!));
  assert.ok(!isExpected({ ...single.samples, train: 1719 }, single.expected!));
});

test('equal contents lie on one side, even under different labels, and are counted', () => {
  const twins = made(300).flatMap((sample) => [
    sample,
    { ...sample, id: `${sample.id}-twin`, label: (sample.label + 1) % 3 },
  ]);
  const split = splitOf([...twins, { ...made(1)[0]!, id: 'triplet' }]);
  const bySide = sidesById(split);
  for (const { id } of made(300)) assert.equal(bySide.get(id), bySide.get(`${id}-twin`));
  const { list, ...counts } = split.duplicates;
  assert.deepEqual(counts, { copies: 301, leftOut: 0, contradictions: 300 });
  assert.equal(list.length, 300);
  const side = bySide.get('b/0');
  assert.deepEqual(
    list.find(({ samples }) => samples.length === 3),
    {
      sha256: sha256('content 0'),
      samples: [
        { id: 'b/0', label: 0, side },
        { id: 'b/0-twin', label: 1, side },
        { id: 'triplet', label: 0, side },
      ],
    },
  );
});

const divided = (count: number, ...own: Side[]): Sample[] =>
  made(count).map((sample, index) => ({ ...sample, side: own[((index / 3) % own.length) | 0]! }));

test('of a content on several sides only the copies on the last one stay', () => {
  const copy = (content: string, side: Side, id = `${content} in ${side}`): Sample => ({
    ...{ ...made(1)[0]!, id, side, sha256: sha256(content) },
  });
  const everywhere = sides.map((side) => copy('a', side));
  const twins = [copy('a', 'test', 'twin'), copy('b', 'train'), copy('b', 'validation')];
  const rest = divided(90, ...sides);
  const split = splitOf([...rest, ...everywhere, ...twins], { split: 'own' });
  const bySide = sidesById(split);
  assert.equal(bySide.size, 93);
  assert.equal(bySide.get('a in test'), 'test');
  assert.equal(bySide.get('twin'), 'test');
  assert.equal(bySide.get('b in validation'), 'validation');
  assert.equal(split.duplicates.leftOut, 3);
  assert.equal(split.duplicates.copies, 4);
  const listed = split.duplicates.list.flatMap(({ samples }) => samples);
  const leftOut = listed.filter(({ side }) => side === null).map(({ id }) => id);
  assert.deepEqual(leftOut.toSorted(), ['a in train', 'a in validation', 'b in train']);
});

test("a source's own three sides stay as they are", () => {
  const samples = divided(90, 'train', 'validation', 'test');
  const split = splitOf(samples, { split: 'own' });
  const bySide = sidesById(split);
  for (const { id, side } of samples) assert.equal(bySide.get(id), side);
  assert.equal(split.expected, null);
});

for (const other of ['validation', 'test'] as const) {
  test(`of a source with train and ${other} the latter is the test side, and a tenth of train validates`, () => {
    const samples = divided(9000, 'train', 'train', other);
    const bySide = sidesById(splitOf(samples, { split: 'own' }));
    for (const { id, side } of samples) {
      assert.equal(bySide.get(id) === 'test', side === other);
    }
    const held = [...bySide.values()].filter((side) => side === 'validation').length;
    assert.ok(Math.abs(held - 600) < 3 * Math.sqrt(6000 * 0.1 * 0.9), `${held}`);
    const more = sidesById(splitOf(divided(18_000, 'train', 'train', other), { split: 'own' }));
    for (const [id, side] of bySide) assert.equal(more.get(id), side);
  });
}

test('a source that is not divided, or in part, has no split of its own', () => {
  const refusal = (has: RegExp) => ({ name: 'InvalidData', message: has });
  assert.throws(
    () => splitOf(made(9), { split: 'own' }),
    refusal(/'own' takes a source .* 0 images for training, .* and 9 on no side; give fractions/),
  );
  assert.throws(
    () => splitOf(divided(9, 'train'), { split: 'own' }),
    refusal(/has 9 images for training, 0 for validation, 0 for testing/),
  );
  assert.throws(
    () => splitOf([...divided(90, 'train', 'test'), ...made(1, 90)], { split: 'own' }),
    refusal(/and 1 on no side/),
  );
});

test('a side is in the order of its contents, in whatever order they came', () => {
  const samples = made(500);
  const train = listOf(splitOf(samples), 'train');
  assert.deepEqual(listOf(splitOf(samples.toReversed()), 'train'), train);
  const hashes = train.map(({ sha256 }) => sha256);
  assert.deepEqual(hashes, hashes.toSorted());
});

test('a sample comes out as it came in, whatever its id', () => {
  const ids = ['ü/日本 "quoted"\n.jpg', 'x'.repeat(5000), 'a'];
  const samples = [...made(300), ...made(3, 300).map((sample, n) => ({ ...sample, id: ids[n]! }))];
  const split = splitOf(samples);
  const all = new Map(sides.flatMap((side) => listOf(split, side)).map((one) => [one.id, one]));
  for (const sample of samples) assert.deepEqual(all.get(sample.id), sample);
});

test('the hash of all zeros is a training sample, the one of all ones a test sample', () => {
  const sideOf = (hash: string): Side => sideAt(placeOf(hash), fractions);
  assert.equal(sideOf('0'.repeat(64)), 'train');
  assert.equal(sideOf('f'.repeat(64)), 'test');
  // 0.6 to 0.8 of 2^52.
  assert.equal(sideOf('9999999999999'.padEnd(64, '0')), 'train');
  assert.equal(sideOf('999999999999a'.padEnd(64, '0')), 'validation');
});

test('an empty side is refused with the number of samples and a remedy', () => {
  const onlyTraining = made(100).filter(
    ({ sha256 }) => sideAt(placeOf(sha256), fractions) === 'train',
  );
  assert.throws(
    () => splitOf(onlyTraining),
    (error: Error) =>
      error.name === 'InvalidData' &&
      error.message.startsWith(
        `the validation side of the split is empty: ${onlyTraining.length} samples are too few`,
      ),
  );
});

test('a class without a training sample is refused by name, with its counts', () => {
  const untaught = made(300).filter(
    ({ label, sha256 }) => label !== 1 || sideAt(placeOf(sha256), fractions) === 'test',
  );
  const tests = untaught.filter(({ label }) => label === 1).length;
  assert.throws(
    () => splitOf(untaught),
    new RegExp(
      `class 'dog' has no training sample \\(train 0, validation 0, test ${tests}\\); take more images \\('dataset.limit', 'dataset.source'\\)`,
    ),
  );
});
