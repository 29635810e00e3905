import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { backboneOf, checkPretrained, loadPretrained } from '../../model/pretrained.ts';
import type { Program } from '../../model/program.ts';
import { architectures, tiny } from '../../model/resnet50.ts';
import { writeKerasFile } from '../support/keras-file.ts';

let folder: string;
let path: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-pretrained-'));
  path = join(folder, 'weights.h5');
});
after(() => rm(folder, { recursive: true }));

const refused = (message: RegExp, architecture = tiny('v2')): Promise<void> =>
  assert.rejects(checkPretrained(architecture, path), { name: 'InvalidData', message });

test('a file with every variable of the backbone is taken', async () => {
  const top = { name: 'predictions/bias', shape: [1000] };
  await writeKerasFile(path, tiny('v2'), (all) => [...all, top]);
  const { loaded, skipped } = await checkPretrained(tiny('v2'), path);
  assert.equal(loaded.length, backboneOf(tiny('v2')).length);
  assert.deepEqual(skipped, [top.name]);
});

test('its values go to the variables by name, and the head stays fresh', async () => {
  await writeKerasFile(path, tiny('v1'));
  const variables = [...backboneOf(tiny('v1')), { name: 'head/bias', shape: [3] }];
  const given = new Map<string, Float32Array>();
  const assign = (values: ReadonlyMap<string, Float32Array>): void => {
    for (const [name, value] of values) given.set(name, value);
  };
  await loadPretrained({ variables, assign } as unknown as Program, path);
  assert.deepEqual(given.get('conv1_bn/gamma'), new Float32Array(4).fill(0.5));
  assert.equal(given.size, variables.length - 1);
});

test('a file without a variable, or of another architecture, is refused with its name', async () => {
  await writeKerasFile(path, tiny('v2'), (all) =>
    all.filter(({ name }) => name !== 'post_bn/gamma'),
  );
  await refused(
    /^the weights' file has no variable post_bn\/gamma: give an \.h5 or \.weights\.h5 file/,
  );
  await writeKerasFile(path, tiny('v2'));
  await refused(/has no variable conv1_bn\/gamma/, tiny('v1'));
});

test('a variable of another shape is refused with both', async () => {
  await writeKerasFile(path, tiny('v2'), (all) =>
    all.map((one) => (one.name === 'conv1_conv/bias' ? { ...one, shape: [5] } : one)),
  );
  await refused(/has conv1_conv\/bias in shape \[5\], expected \[4\]/);
});

test('what is no HDF5 file, or is cut short, is refused', async () => {
  await writeKerasFile(path, tiny('v2'));
  const whole = await readFile(path);
  for (const bytes of [
    whole.subarray(0, whole.length / 2),
    Buffer.from('<html>'),
    Buffer.alloc(0),
  ]) {
    await writeFile(path, bytes);
    await refused(/^the weights' file is not an HDF5 file/);
  }
});

test('the backbones have the parameters that Keras counts', () => {
  const count = (architecture: keyof typeof architectures): number =>
    backboneOf(architectures[architecture]).reduce(
      (sum, { shape }) => sum + (shape as number[]).reduce((product, size) => product * size, 1),
      0,
    );
  assert.equal(count('resnet50v2'), 23_564_800);
  assert.equal(count('resnet50'), 23_587_712);
});
