/** Bundles that TensorFlow itself wrote, read without it. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { readBundle } from '../../model/bundle.ts';
import { writeBundle } from '../support/bundle.ts';

/** Names that share beginnings, and enough of them for several of the index's restarts. */
const variables = Array.from({ length: 40 }, (_, index) => ({
  name: `block${index % 4}/unit_${index}/weights`,
  shape: index === 0 ? [] : [3, index],
}));

let folder: string;
let prefix: string;
let written: Map<string, Float32Array>;
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'nightshift-bundle-'))));
after(() => rm(folder, { recursive: true }));
beforeEach(() => {
  prefix = join(folder, 'variables');
  written = writeBundle(prefix, variables);
});

const data = (): string => `${prefix}.data-00000-of-00001`;
const refused = (message: RegExp): void =>
  assert.throws(() => [...readBundle(prefix).values()].map(({ values }) => values()), {
    name: 'InvalidData',
    message,
  });

test('every variable comes with its name, its shape and its bits', () => {
  const bundle = readBundle(prefix);
  assert.deepEqual([...bundle.keys()], variables.map(({ name }) => name).toSorted());
  for (const { name, shape } of variables) {
    assert.deepEqual(bundle.get(name)!.shape, shape);
    assert.deepEqual(bundle.get(name)!.values(), written.get(name));
  }
});

test('a data file that is cut short is refused with the variable and both sizes', async () => {
  const { length } = await readFile(data());
  await truncate(data(), length - 1);
  refused(
    new RegExp(
      `^variables\\.data-00000-of-00001 is cut short: block3/\\S+ ends at byte ${length}, the file at ${length - 1}`,
    ),
  );
});

test('a flipped bit is refused with the variable it is in', async () => {
  const bytes = await readFile(data());
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(data(), bytes);
  refused(/^variables\.data-00000-of-00001 is damaged: the checksum of block3\/\S+ does not match/);
});

test('a missing data file is named', async () => {
  await rm(data());
  refused(/^variables\.data-00000-of-00001 is missing/);
});

test('an index that is cut short, damaged, or none is refused', async () => {
  const index = `${prefix}.index`;
  const whole = await readFile(index);
  await writeFile(index, whole.subarray(0, whole.length - 1));
  refused(/^variables\.index is no TensorFlow bundle's index, or is cut short/);
  await writeFile(index, '');
  refused(/^variables\.index is no TensorFlow bundle's index/);
  whole[20]! ^= 1;
  await writeFile(index, whole);
  refused(/^variables\.index is damaged/);
});
