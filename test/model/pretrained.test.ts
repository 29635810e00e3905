import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { takePretrained, variablesOf } from '../../model/pretrained.ts';
import type { Network, PretrainedReport, WeightsFile } from '../../model/pretrained.ts';
import { architectures, tiny } from '../../model/resnet50.ts';
import type { Architecture } from '../../model/resnet50.ts';
import { readTensors } from '../../model/safetensors.ts';
import { slimName } from '../../model/slim.ts';
import { writeBundle } from '../support/bundle.ts';
import type { NamedShape } from '../support/bundle.ts';
import { backboneOf, writeKerasFile } from '../support/keras-file.ts';

let folder: string;
let path: string;
let target: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-pretrained-'));
  path = join(folder, 'weights.h5');
  target = join(folder, 'weights.safetensors');
});
after(() => rm(folder, { recursive: true }));

const networkOf = (architecture: Architecture, classes = 3): Network => ({
  architecture,
  stem: 'imagenet',
  classes,
});
const slim = (block: 'v1' | 'v2'): Architecture => ({ ...tiny(block), topology: 'slim' });

const take = (
  kind: WeightsFile['kind'],
  architecture: Architecture,
  classes?: number,
): Promise<PretrainedReport> =>
  takePretrained(networkOf(architecture, classes), { kind, path }, target);

const refused = (
  kind: WeightsFile['kind'],
  architecture: Architecture,
  message: RegExp,
): Promise<void> => assert.rejects(take(kind, architecture), { name: 'InvalidData', message });

const head = ['head/kernel', 'head/bias'];

test("Keras's file gives every variable of the backbone, and the head begins from the seed", async () => {
  const top = [
    { name: 'predictions/kernel', shape: [32, 1000] },
    { name: 'predictions/bias', shape: [1000] },
  ];
  await writeKerasFile(path, tiny('v2'), (all) => [...all, ...top]);
  const { loaded, skipped, fresh } = await take('keras', tiny('v2'));
  assert.equal(loaded.length, backboneOf(tiny('v2')).length);
  assert.deepEqual(skipped.toSorted(), ['predictions/bias', 'predictions/kernel']);
  assert.deepEqual(fresh, head);
  const values = readTensors(target);
  assert.deepEqual(values.get('post_bn/gamma'), new Float32Array(32).fill(0.5));
  assert.deepEqual([...values.keys()], loaded, 'and no other');
});

test('a head of as many classes is taken over', async () => {
  const top = [
    { name: 'predictions/kernel', shape: [32, 3] },
    { name: 'predictions/bias', shape: [3] },
  ];
  await writeKerasFile(path, tiny('v1'), (all) => [...all, ...top]);
  const { skipped, fresh } = await take('keras', tiny('v1'));
  assert.deepEqual([skipped, fresh], [[], []]);
  assert.deepEqual(readTensors(target).get('head/bias'), new Float32Array(3).fill(0.5));
});

test('a file without a variable is refused with its name, and nothing is written', async () => {
  await rm(target);
  await writeKerasFile(path, tiny('v2'), (all) =>
    all.filter(({ name }) => name !== 'post_bn/gamma'),
  );
  await refused('keras', tiny('v2'), /^the weights have no variable post_bn\/gamma: give weights/);
  await assert.rejects(readFile(target), { code: 'ENOENT' });
});

test("another architecture's file is refused with the first variable it lacks", async () => {
  await writeKerasFile(path, tiny('v2'));
  await refused('keras', tiny('v1'), /have no variable conv1_bn\/gamma/);
  writeSavedModel(slim('v2'));
  await refused(
    'saved-model',
    slim('v1'),
    /none of the network's variables, such as resnet_v1_50\/conv1\/weights; their own begin with: resnet_v2_50/,
  );
});

test('a variable of another shape is refused with both', async () => {
  await writeKerasFile(path, tiny('v2'), (all) =>
    all.map((one) => (one.name === 'conv1_conv/bias' ? { ...one, shape: [5] } : one)),
  );
  await refused('keras', tiny('v2'), /have conv1_conv\/bias in shape \[5\], expected \[4\]/);
});

test('a variable that holds NaN or an infinity is refused by name', async () => {
  for (const bad of [NaN, -Infinity]) {
    const valueOf = (name: string): number => (name === 'conv1_conv/bias' ? bad : 0.5);
    await writeKerasFile(path, tiny('v2'), (all) => all, valueOf);
    await refused('keras', tiny('v2'), new RegExp(`^the weights have ${bad} in conv1_conv/bias: `));
  }
});

test('a variable of another type is refused with both', async () => {
  await writeKerasFile(
    path,
    tiny('v2'),
    (all) => all,
    () => 0.5,
    '<d',
  );
  await refused('keras', tiny('v2'), /have conv1_conv\/kernel in HDF5's type "<d", expected "<f"/);
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
    await refused('keras', tiny('v2'), /^is not an HDF5 file, or is cut short/);
  }
});

/** A bundle at `path` with Slim's names below a scope, as old modules have them. */
function writeSavedModel(
  architecture: Architecture,
  change: (all: readonly NamedShape[]) => readonly NamedShape[] = (same) => same,
): Map<string, Float32Array> {
  const variables = variablesOf(networkOf(architecture)).map(({ name, shape }) => ({
    name: `module/${slimName(name, architecture.block)}`,
    shape: name === 'head/kernel' ? [1, 1, ...shape] : shape,
  }));
  return writeBundle(path, change(variables));
}

for (const block of ['v1', 'v2'] as const) {
  test(`a SavedModel of TF-Slim's ResNet ${block} gives every variable, to the bit`, async () => {
    const written = writeSavedModel(slim(block));
    const { loaded, skipped, fresh } = await take('saved-model', slim(block));
    assert.deepEqual([skipped, fresh], [[], []]);
    const values = readTensors(target);
    for (const name of loaded) {
      assert.deepEqual(values.get(name), written.get(`module/${slimName(name, block)}`), name);
    }
    assert.equal(loaded.length, written.size);
  });
}

test('its head of other classes is left out', async () => {
  writeSavedModel(slim('v2'));
  const { skipped, fresh } = await take('saved-model', slim('v2'), 4);
  assert.deepEqual(skipped, ['resnet_v2_50/logits/biases', 'resnet_v2_50/logits/weights']);
  assert.deepEqual(fresh, head);
});

test("a SavedModel without the network's variables is refused with those it has", async () => {
  writeBundle(path, [{ name: 'efficientnet/stem/conv2d/kernel', shape: [3, 3, 3, 8] }]);
  await refused(
    'saved-model',
    slim('v2'),
    /such as resnet_v2_50\/conv1\/weights; their own begin with: efficientnet\/stem\/conv2d\/kernel/,
  );
});

test("a checkpoint of our own gives averages where it has them, and its optimizer's slots are not named", async () => {
  const variables = variablesOf(networkOf(tiny('v2')));
  const slots = variables.flatMap(({ name, shape }) => [
    { name: `${name}/rmsprop/velocity`, shape },
    { name: `${name}/average`, shape },
  ]);
  const written = writeBundle(path, [...variables, ...slots]);
  const same = await take('nightshift', tiny('v2'));
  assert.deepEqual([same.skipped, same.fresh], [[], []]);
  const kernel = readTensors(target).get('conv1_conv/kernel');
  assert.deepEqual(kernel, written.get('conv1_conv/kernel/average'));
  assert.notDeepEqual(kernel, written.get('conv1_conv/kernel'));
  const other = await take('nightshift', tiny('v2'), 4);
  assert.deepEqual(other.fresh, head);
});

test('a checkpoint with another stem is refused with the shapes', async () => {
  writeBundle(path, variablesOf({ ...networkOf(tiny('v2')), stem: 'small' }));
  await refused(
    'nightshift',
    tiny('v2'),
    /have conv1_conv\/kernel in shape \[3, 3, 3, 4\], expected \[7, 7, 3, 4\]: .* model\.stem/,
  );
});

test('the backbones have the parameters that Keras counts', () => {
  const count = (architecture: keyof typeof architectures): number =>
    backboneOf(architectures[architecture]).reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
  assert.equal(count('resnet50v2'), 23_564_800);
  assert.equal(count('resnet50'), 23_587_712);
});
