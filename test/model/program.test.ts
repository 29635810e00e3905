/** The program on a small network with all the parts of the large one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import { openProgram } from '../../model/program.ts';
import type { FeatureBatch, ImageBatch, Program } from '../../model/program.ts';
import { tiny } from '../../model/resnet50.ts';
import { madeImage } from '../data/support.ts';

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), 'nightshift-program-'))));
after(() => rmSync(folder, { recursive: true }));

const classes = 3;
const batch: ImageBatch = {
  images: Buffer.concat(Array.from({ length: 12 }, (_, index) => madeImage(index, 32))),
  labels: Int32Array.from({ length: 12 }, (_, index) => index % classes),
};

interface Options {
  readonly block?: 'v1' | 'v2';
  readonly topology?: 'keras' | 'slim';
  readonly scaling?: 'zero-one' | 'caffe';
  readonly pretrained?: boolean;
  readonly model?: ConfigInput['model'];
  readonly training?: ConfigInput['training'];
  readonly compute?: 'float32' | 'bfloat16';
  readonly seed?: number;
}

function open(options: Options = {}): Program {
  const { model, training } = configSchema.parse({
    model: { dropout: 0, ...options.model },
    training: options.training ?? {},
  });
  const program = openProgram({
    model,
    architecture: { ...tiny(options.block ?? 'v2'), topology: options.topology ?? 'keras' },
    step: training,
    classes,
    compute: options.compute ?? 'float32',
    pretrained: options.pretrained ?? false,
    scaling: options.scaling ?? 'zero-one',
  });
  program.initialize(options.seed ?? 1);
  return program;
}

/** Takes the steps `from` <= k < `to`; returns their losses. */
function train(program: Program, from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) =>
    program.train(batch, { learningRate: 0.01, step: from + index, seed: 5 }),
  );
}

const values = (program: Program): Map<string, Float32Array> => {
  const names = program.variables.map(({ name }) => name);
  return new Map(program.read(names).map((value, index) => [names[index]!, value]));
};

function furthest(a: Program, b: Program): number {
  const theirs = values(b);
  return Math.max(
    ...[...values(a)].flatMap(([name, own]) =>
      [...own].map((value, index) => Math.abs(value - theirs.get(name)![index]!)),
    ),
  );
}

test('the loss falls, and evaluation is of the weights as they are', () => {
  const program = open();
  const before = program.evaluate(batch);
  const losses = train(program, 0, 20);
  assert.ok(losses.at(-1)! < losses[0]! / 2, `${losses[0]} to ${losses.at(-1)}`);
  assert.notDeepEqual(program.evaluate(batch).probabilities, before.probabilities);
  program.close();
});

for (const block of ['v1', 'v2'] as const) {
  test(`TF-Slim's ResNet ${block} learns, from images as Caffe had them`, () => {
    const program = open({ block, topology: 'slim', scaling: 'caffe' });
    const losses = train(program, 0, 20);
    assert.ok(losses.at(-1)! < losses[0]! / 2, `${losses[0]} to ${losses.at(-1)}`);
    program.close();
  });
}

test('what is given by name is taken, and all else keeps its value', () => {
  const program = open({ pretrained: true });
  const before = values(program);
  const bias = Float32Array.of(1, 2, 3, 4);
  program.assign(new Map([['conv1_conv/bias', bias]]));
  assert.deepEqual(values(program), new Map([...before, ['conv1_conv/bias', bias]]));
  program.close();
});

test('values given again and again are let go of without harm', () => {
  const program = open({ pretrained: true });
  const given = values(program);
  const copies = (): typeof given =>
    new Map([...given].map(([name, value]) => [name, value.slice()]));
  // Memory that Node and TensorFlow both let go of broke the heap within some hundred times.
  for (let time = 0; time < 5000; time++) program.assign(copies());
  assert.deepEqual(values(program), given);
  program.close();
});

test('the same seed begins with the same bits, another with others', () => {
  const [a, b, c] = [open(), open(), open({ seed: 2 })];
  assert.equal(furthest(a, b), 0);
  assert.ok(furthest(a, c) > 0.1);
  for (const program of [a, b, c]) program.close();
});

const kinds: Record<string, Options> = {
  rmsprop: {},
  'rmsprop with momentum': { training: { optimizer: { name: 'rmsprop', momentum: 0.9 } } },
  adamw: { training: { optimizer: { name: 'adamw' }, weightDecay: 0.01 } },
  'micro-batches, an average and dropout': {
    training: { microBatchSize: 5, averageDecay: 0.9 },
    model: { dropout: 0.5 },
  },
};
for (const [name, options] of Object.entries(kinds)) {
  test(`a saved state goes on to the same bits: ${name}`, () => {
    const undisturbed = open(options);
    const losses = train(undisturbed, 0, 6);

    const first = open(options);
    train(first, 0, 3);
    first.evaluate(batch);
    const prefix = join(folder, name.replaceAll(' ', '-'));
    first.save(prefix);
    const second = open({ ...options, seed: 9 });
    train(second, 0, 1);
    second.restore(prefix);
    assert.deepEqual(train(second, 3, 6), losses.slice(3));
    assert.equal(furthest(second, undisturbed), 0);
    assert.deepEqual(second.evaluate(batch), undisturbed.evaluate(batch));
    for (const program of [undisturbed, first, second]) program.close();
  });
}

test('a saved state gives its weights alone: they predict as it does, and the optimizer begins anew', () => {
  const options = { training: { averageDecay: 0.9 } };
  const [saved, given] = [open(options), open({ ...options, seed: 9 })];
  train(saved, 0, 3);
  const prefix = join(folder, 'weights');
  saved.save(prefix);
  train(given, 0, 1);
  given.restoreWeights(prefix);
  assert.deepEqual(given.evaluate(batch), saved.evaluate(batch));
  assert.equal(furthest(given, saved), 0);
  train(given, 3, 4);
  const [velocity] = given.read(['head/bias/rmsprop/velocity']);
  const anew = open({ ...options, pretrained: true });
  anew.assign(values(saved));
  train(anew, 3, 4);
  assert.deepEqual(velocity, anew.read(['head/bias/rmsprop/velocity'])[0]);
  for (const program of [saved, given, anew]) program.close();
});

test('what the optimizer keeps takes no memory before a step is taken or saved', () => {
  const program = open();
  const velocity = (): Float32Array[] => program.read(['head/bias/rmsprop/velocity']);
  program.evaluate(batch);
  assert.throws(velocity, /head\/bias\/rmsprop\/velocity/);
  program.save(join(folder, 'untrained'));
  assert.deepEqual(velocity(), [Float32Array.of(0, 0, 0)]);
  program.close();
});

test('where BatchNorm is frozen, micro-batches take the step of the whole batch', () => {
  const model = { trainable: 'head' } as const;
  const whole = open({ model });
  const parts = open({ model, training: { microBatchSize: 5 } });
  const losses = train(whole, 0, 3);
  for (const [step, loss] of train(parts, 0, 3).entries()) {
    assert.ok(Math.abs(loss - losses[step]!) < 1e-5);
  }
  assert.ok(furthest(whole, parts) < 1e-4);
  for (const program of [whole, parts]) program.close();
});

for (const [name, training] of Object.entries({
  'whole batches': {},
  'micro-batches and an average': { microBatchSize: 5, averageDecay: 0.9 },
})) {
  test(`on features a head goes where it goes on images, within rounding: ${name}`, () => {
    const options = { model: { trainable: 'head', dropout: 0.5 }, training } as const;
    const [onImages, onFeatures] = [open(options), open(options)];
    const made: FeatureBatch = { features: onFeatures.features(batch), labels: batch.labels };
    for (const [step, loss] of train(onImages, 0, 5).entries()) {
      const other = onFeatures.train(made, { learningRate: 0.01, step, seed: 5 });
      assert.ok(Math.abs(other - loss) < 1e-5, `step ${step}: ${other}, on images ${loss}`);
    }
    assert.ok(furthest(onImages, onFeatures) < 1e-5);
    const [a, b] = [onFeatures.evaluate(made), onFeatures.evaluate(batch)];
    assert.ok(Math.abs(a.lossSum - b.lossSum) < 1e-4);
    assert.deepEqual(a.predicted, b.predicted);
    for (const program of [onImages, onFeatures]) program.close();
  });
}

test('the same part of the graph makes the features, whatever the head', () => {
  const model = { trainable: 'head' } as const;
  const programs = [
    open({ model }),
    open({ model: { ...model, dropout: 0.5 }, training: { optimizer: { name: 'adamw' } } }),
    open({ model, compute: 'bfloat16' }),
  ];
  const [plain, other, coarse] = programs.map((one) => one.featureGraphDigest);
  assert.equal(plain, other);
  assert.notEqual(plain, coarse);
  for (const program of programs) program.close();
});

test('training from a stage on leaves what lies below as it was', () => {
  const program = open({ model: { trainable: 'from conv3' } });
  const before = values(program);
  train(program, 0, 2);
  for (const [name, value] of values(program)) {
    const isAbove = /^(conv3|post|head)/.test(name);
    if (isAbove && /kernel|gamma|beta|moving/.test(name)) {
      assert.notDeepEqual(value, before.get(name), `${name} should have moved`);
    } else if (!isAbove) assert.deepEqual(value, before.get(name), `${name} should not have moved`);
  }
  program.close();
});

test('evaluation is by the moving average, which after the first step is the weights', () => {
  const [plain, averaged] = [open(), open({ training: { averageDecay: 0.9 } })];
  train(plain, 0, 1);
  train(averaged, 0, 1);
  assert.deepEqual(averaged.evaluate(batch), plain.evaluate(batch));
  train(plain, 1, 4);
  train(averaged, 1, 4);
  assert.equal(furthest(plain, averaged), 0);
  assert.notDeepEqual(averaged.evaluate(batch), plain.evaluate(batch));
  for (const program of [plain, averaged]) program.close();
});

for (const block of ['v1', 'v2'] as const) {
  test(`folding BatchNorm away changes no prediction of ${block}`, () => {
    // Head and BatchNorm learn: the training graph normalizes, the other one has it folded in.
    const options = {
      block,
      model: { trainable: 'head+batchnorm', batchNormMomentum: 0 },
    } as const;
    const program = open(options);
    train(program, 0, 2);
    // With no momentum the moving statistics are the last batch's: both see the same ones.
    const loss = program.train(batch, { learningRate: 0, step: 2, seed: 5 });
    const evaluated = program.evaluate(batch);
    const mean = evaluated.lossSum / batch.labels.length;
    assert.ok(Math.abs(mean - loss) < 1e-4, `${mean}, in training ${loss}`);
    program.close();
  });
}

test('weights that a loss does not show to be no numbers are named', () => {
  const program = open({ pretrained: true });
  train(program, 0, 1);
  assert.deepEqual(program.unsound(), []);
  const [gamma] = program.read(['conv2_block1_preact_bn/gamma']) as [Float32Array];
  const mean = Float32Array.of(0, 0, Infinity, 0);
  program.assign(
    new Map([
      ['conv2_block1_preact_bn/gamma', gamma.fill(NaN)],
      ['conv2_block1_1_bn/moving_mean', mean],
    ]),
  );
  assert.deepEqual(program.unsound().toSorted(), [
    'conv2_block1_1_bn/moving_mean',
    'conv2_block1_preact_bn/gamma',
  ]);
  program.close();
});

test('label smoothing changes the loss that is trained on, not the one that is reported', () => {
  const [plain, smooth] = [open(), open({ training: { labelSmoothing: 0.1 } })];
  assert.equal(smooth.evaluate(batch).lossSum, plain.evaluate(batch).lossSum);
  assert.notEqual(train(smooth, 0, 1)[0], train(plain, 0, 1)[0]);
  for (const program of [plain, smooth]) program.close();
});

test('bfloat16 keeps variables and loss in float32, and comes near to float32', () => {
  const [exact, coarse] = [open(), open({ compute: 'bfloat16' })];
  const [a, b] = [train(exact, 0, 1)[0]!, train(coarse, 0, 1)[0]!];
  assert.ok(Math.abs(a - b) < 0.05, `${a} and ${b}`);
  assert.notEqual(a, b);
  for (const program of [exact, coarse]) program.close();
});
