/** The whole network in float32 against Keras in float64: forward, loss, gradients, and the state after five steps. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { peersPython } from '../../bench/peers.mjs';
import { goldenOf, goldenPath, goldenSettings } from '../support/golden.ts';
import {
  classes,
  learningRate,
  measure,
  openReferenceTraining,
  optimizer,
  steps,
} from '../support/reference-training.ts';
import type { ReferenceSettings, ReferenceTraining } from '../support/reference-training.ts';

const batchSize = 16;
const trainables = [
  'all',
  'head+batchnorm',
  'head',
  'from conv3',
  'from conv4',
  'from conv5',
] as const;

const script = new URL('./reference.py', import.meta.url).pathname;
const python = await peersPython();

for (const architecture of ['resnet50v2', 'resnet50'] as const) {
  for (const imageSize of [32, 64]) {
    for (const trainable of trainables) {
      asKeras(`${imageSize} px, trainable ${trainable}`, { architecture, imageSize, trainable });
    }
  }
  const settings = { architecture, imageSize: 32, trainable: 'all' } as const;
  asKeras('stem small', { ...settings, stem: 'small' });
  asKeras('label smoothing', { ...settings, labelSmoothing: 0.1 });
  // Keras takes the batch whole: where BatchNorm is frozen both must come to the same step.
  asKeras('micro-batches', { ...settings, trainable: 'head', microBatchSize: 5 });
}

function asKeras(what: string, settings: ReferenceSettings): void {
  test(`${settings.architecture}, ${what}: as Keras`, () => {
    const training = openReferenceTraining(settings, batchSize);
    try {
      const exact = kerasOf(training);
      const tooFar: Record<string, string> = {};
      for (const [name, got] of measure(training)) {
        const error = relativeError(got, exact(name));
        const tolerance = name === 'probabilities' || name === 'losses' ? 1e-4 : 1e-3;
        if (!(error <= tolerance)) tooFar[name] = error.toExponential(2);
      }
      assert.deepEqual(tooFar, {}, 'relative errors');
    } finally {
      training.program.close();
    }
  });
}

test("the golden figures are Keras's (UPDATE_GOLDEN=1 writes them)", () => {
  const { batchSize: images, ...settings } = goldenSettings;
  const training = openReferenceTraining(settings, images);
  try {
    const exact = kerasOf(training);
    const golden = goldenOf(training.program, exact);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(goldenPath, `${JSON.stringify(golden)}\n`);
    assert.deepEqual(JSON.parse(readFileSync(goldenPath, 'utf8')), golden);
  } finally {
    training.program.close();
  }
});

/** What Keras makes of the training, by the names that `measure` gives; gradients without sign, velocities as roots. */
function kerasOf({
  model,
  labelSmoothing,
  program,
  batches,
}: ReferenceTraining): (name: string) => Float32Array {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-parity-'));
  try {
    program.save(join(folder, 'initial'));
    const { imageSize, architecture, stem, trainable, batchNormMomentum } = model;
    const spec = { imageSize, architecture, stem, trainable, batchNormMomentum, labelSmoothing };
    const batch = batches[0]!.labels.length;
    writeFileSync(
      join(folder, 'spec.json'),
      JSON.stringify({ ...spec, ...optimizer, learningRate, classes, steps, batchSize: batch }),
    );
    writeFileSync(join(folder, 'images.bin'), Buffer.concat(batches.map(({ images }) => images)));
    writeFileSync(
      join(folder, 'labels.bin'),
      Buffer.concat(batches.map(({ labels }) => Buffer.from(labels.buffer))),
    );
    execFileSync(python, [script, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    return readReference(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
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
    const found = values.slice(place[0], place[0] + place[1]);
    if (name.startsWith('gradient/')) return found.map(Math.abs);
    return name.startsWith('velocity/') ? found.map(Math.sqrt) : found;
  };
}

/**
 * Norm-wise, with a floor: gradients lie between 1e-3 and 1e-1, but biases before a BatchNorm have
 * one of zero (a hundred thousand terms that cancel), and as good as zero have shifts that the next
 * BatchNorm takes out again. What is left there is noise.
 */
function relativeError(got: Float32Array, expected: Float32Array): number {
  assert.equal(got.length, expected.length);
  const norm = rootMeanSquare(expected);
  const difference = rootMeanSquare(got.map((value, index) => value - expected[index]!));
  return difference / Math.max(norm, norm < 1e-9 ? 1e-2 : 1e-3);
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
}
