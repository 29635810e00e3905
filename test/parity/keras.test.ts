/** The whole network in float32 against Keras in float64: forward, loss, gradients, and the state after five steps. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { peersPython } from '../../bench/peers.mjs';
import { configSchema } from '../../contract/config.ts';
import type { Config } from '../../contract/config.ts';
import { purposes, randomStream } from '../../data/random.ts';
import { madeImage } from '../data/support.ts';
import { architectureOf, openProgram } from '../../model/program.ts';
import type { Program } from '../../model/program.ts';

const steps = 5;
const batchSize = 16;
/** Root mean square; gradients here lie between 1e-3 and 1e-1. */
const floor = 1e-3;
const classes = 10;
const optimizer = { name: 'rmsprop', rho: 0.9, momentum: 0, epsilon: 1e-7 } as const;
const learningRate = 1e-4;

const script = new URL('./reference.py', import.meta.url).pathname;
const python = await peersPython();

for (const architecture of ['resnet50v2', 'resnet50'] as const) {
  for (const imageSize of [32, 64]) {
    for (const trainable of ['all', 'head+batchnorm', 'head'] as const) {
      test(`${architecture}, ${imageSize} px, trainable ${trainable}: as Keras`, () => {
        const { model } = configSchema.parse({
          model: { architecture, imageSize, dropout: 0, batchNormMomentum: 0.9 },
        });
        compare({ ...model, trainable });
      });
    }
  }
}

function compare(model: Config['model']): void {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-parity-'));
  const program = openProgram({
    model,
    architecture: architectureOf(model),
    optimizer,
    classes,
    compute: 'float32',
    scaling: 'zero-one',
    pretrained: true,
  });
  try {
    program.initialize(7);
    keepReluFromZero(program);
    program.save(join(folder, 'initial'));
    const batches = makeBatches(model.imageSize);
    const { imageSize, architecture, trainable, batchNormMomentum } = model;
    const spec = { imageSize, architecture, trainable, batchNormMomentum };
    writeFileSync(
      join(folder, 'spec.json'),
      JSON.stringify({ ...spec, ...optimizer, learningRate, classes, steps, batchSize }),
    );
    writeFileSync(join(folder, 'images.bin'), Buffer.concat(batches.map(({ images }) => images)));
    writeFileSync(
      join(folder, 'labels.bin'),
      Buffer.concat(batches.map(({ labels }) => Buffer.from(labels.buffer))),
    );
    execFileSync(python, [script, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    const exact = readReference(folder);
    const tooFar: Record<string, string> = {};
    const expect = (name: string, got: Float32Array, tolerance: number, by = same): void => {
      const error = relativeError(got.map(by), exact(name).map(by));
      if (!(error <= tolerance)) tooFar[name] = error.toExponential(2);
    };

    expect('probabilities', program.evaluate(batches[0]!).probabilities, 1e-4);
    const losses: number[] = [];
    for (const [step, batch] of batches.entries()) {
      losses.push(program.train(batch, { learningRate, dropoutSeed: [0, step] }));
      if (step > 0) continue;
      // The velocity is (1 - rho) g^2 by now: its root is the gradient, but for the sign.
      for (const { name } of learning(program)) {
        const velocity = program.read(`${name}/rmsprop/velocity`);
        const gradient = velocity.map((value) => Math.sqrt(value / (1 - optimizer.rho)));
        expect(`gradient/${name}`, gradient, 1e-3, Math.abs);
      }
    }
    expect('losses', Float32Array.from(losses), 1e-4);
    for (const { name } of program.variables) expect(`value/${name}`, program.read(name), 1e-3);
    for (const { name } of learning(program)) {
      const velocity = program.read(`${name}/rmsprop/velocity`);
      expect(`velocity/${name}`, velocity, 1e-3, Math.sqrt);
    }
    assert.deepEqual(tooFar, {}, 'relative errors');
  } finally {
    program.close();
    rmSync(folder, { recursive: true });
  }
}

/**
 * Shifts each channel before a ReLU well above zero or below it. Where activations lie about zero
 * a rounding turns one on or off now and then, which shows in the gradients of a batch this small.
 * What a residual addition sums is shifted up alone: up and down would meet at zero.
 */
function keepReluFromZero(program: Program): void {
  const random = randomStream(2, purposes.augmentation, [0, 0, 0]);
  const backbone = program.variables.filter(({ name }) => !name.startsWith('head/'));
  program.assign(
    new Map(
      backbone.map(({ name, role }) => {
        const values = program.read(name);
        const isSummed = /_[03]_bn/.test(name);
        const beta = (): number => (isSummed || random.uniform() < 0.5 ? 5 : -5);
        const gamma = (): number => random.between(0.8, 1.2);
        const value = { beta, gamma }[role as string];
        return [name, value ? values.map(value) : values];
      }),
    ),
  );
}

const same = (value: number): number => value;
const learning = (program: Program) => program.variables.filter(({ trainable }) => trainable);

function makeBatches(size: number): { images: Uint8Array; labels: Int32Array }[] {
  const random = randomStream(1, purposes.augmentation, [0, 0, 0]);
  return Array.from({ length: steps }, () => ({
    images: Buffer.concat(
      Array.from({ length: batchSize }, () => madeImage(random.below(1_000_000), size)),
    ),
    labels: Int32Array.from({ length: batchSize }, () => random.below(classes)),
  }));
}

function readReference(folder: string): (name: string) => Float32Array {
  const bytes = Uint8Array.from(readFileSync(join(folder, 'reference.bin')));
  const values = new Float32Array(bytes.buffer);
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Record<
    string,
    [offset: number, length: number]
  >;
  return (name) => {
    const place = index[name];
    if (!place) throw new Error(`Keras gave no ${name}`);
    return values.slice(place[0], place[0] + place[1]);
  };
}

/**
 * Norm-wise. Biases before a BatchNorm have a gradient of zero, as good as zero those of shifts that
 * the next BatchNorm takes out again: what is left there is noise, hence the floor.
 */
function relativeError(got: Float32Array, expected: Float32Array): number {
  assert.equal(got.length, expected.length);
  const difference = rootMeanSquare(got.map((value, index) => value - expected[index]!));
  return difference / Math.max(rootMeanSquare(expected), floor);
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
}
