/** Mixup and cutmix in the graph, against what is computed here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import { drawMixing } from '../../data/mixing.ts';
import type { Mixing, MixingSettings } from '../../data/mixing.ts';
import { Graph } from '../../model/graph/graph.ts';
import { openSession } from '../../model/graph/session.ts';
import { mixingInputs } from '../../model/mixed.ts';
import { openProgram } from '../../model/program.ts';
import type { ImageBatch, Program } from '../../model/program.ts';
import { tiny } from '../../model/resnet50.ts';
import { madeImage } from '../data/support.ts';

const classes = 3;
const size = 32;
const imageBytes = size * size * 3;
const count = 12;
const batch: ImageBatch = {
  images: Buffer.concat(Array.from({ length: count }, (_, index) => madeImage(index, size))),
  labels: Int32Array.from({ length: count }, (_, index) => index % classes),
};
const place = { learningRate: 0.01, step: 6, seed: 5 };

function open(mixing?: MixingSettings, microBatchSize?: number): Program {
  const { model, training } = configSchema.parse({
    model: { dropout: 0 },
    training: { labelSmoothing: 0.1, microBatchSize },
  });
  const program = openProgram({
    model,
    architecture: tiny('v2'),
    step: training,
    classes,
    compute: 'float32',
    pretrained: false,
    scaling: 'zero-one',
    mixing,
  });
  program.initialize(1);
  return program;
}

const drawn = (settings: MixingSettings, images: number, part = 0): Mixing =>
  drawMixing(settings, { seed: place.seed, step: place.step, part, images, size });

/** [images, S, S, 3] mixed one by one. */
function mixedHere(images: Uint8Array, { partners, weights }: Mixing): Float32Array {
  return Float32Array.from(images, (own, at) => {
    const image = Math.floor(at / imageBytes);
    const other = images[partners[image]! * imageBytes + (at % imageBytes)]!;
    const weight = weights[Math.floor((at % imageBytes) / 3)]!;
    return Math.fround(Math.fround(own * weight) + Math.fround(other * Math.fround(1 - weight)));
  });
}

for (const settings of [{ mixup: 0.8 }, { cutmix: 1 }]) {
  test(`images and labels of a batch are mixed as drawn: ${Object.keys(settings)[0]}`, () => {
    const graph = new Graph();
    const images = graph.placeholder('images', 'uint8', [null, size, size, 3]);
    const targets = graph.placeholder('targets', 'float32', [null, classes]);
    const inputs = mixingInputs(graph, settings, size);
    const outputs = [inputs.images(images), inputs.targets(targets)];
    const session = openSession(graph);
    const mixing = drawn(settings, count);
    const oneHot = Float32Array.from({ length: count * classes }, (_, at) =>
      at % classes === batch.labels[Math.floor(at / classes)] ? 1 : 0,
    );
    const [pixels, labels] = session.run(
      [
        [images, { dtype: 'uint8', shape: [count, size, size, 3], data: batch.images }],
        [targets, { dtype: 'float32', shape: [count, classes], data: oneHot }],
        ...inputs.feeds(count, mixing),
      ],
      outputs,
    );
    session.close();
    assert.deepEqual(pixels, mixedHere(batch.images, mixing));
    for (const [row, partner] of mixing.partners.entries()) {
      for (let label = 0; label < classes; label += 1) {
        const expected =
          mixing.kept * oneHot[row * classes + label]! +
          (1 - mixing.kept) * oneHot[partner * classes + label]!;
        assert.ok(Math.abs(labels![row * classes + label]! - expected) < 1e-6);
      }
    }
  });
}

/** The batch with the boxes of `mixing` cut already: its pixels are whole numbers. */
function cutBatch({ images, labels }: ImageBatch, mixing: Mixing): [ImageBatch, ImageBatch] {
  const cut = Uint8Array.from(mixedHere(images, mixing));
  const partners = labels.map((_, index) => labels[mixing.partners[index]!]!);
  return [
    { images: cut, labels },
    { images: cut, labels: partners },
  ];
}

test('the loss is that of both labels, in their shares, smoothed too', () => {
  const settings = { cutmix: 1 };
  const mixing = drawn(settings, count);
  assert.ok(mixing.kept > 0.1 && mixing.kept < 0.9);
  const [mixed, plain, other] = [open(settings), open(), open()];
  const [own, theirs] = cutBatch(batch, mixing).map((cut, index) =>
    [plain, other][index]!.train(cut, place),
  );
  const expected = mixing.kept * own! + (1 - mixing.kept) * theirs!;
  assert.ok(Math.abs(mixed.train(batch, place) - expected) < 1e-6);
  for (const program of [mixed, plain, other]) program.close();
});

test('a step on mixed images leads where one on images that were mixed before does', () => {
  const alike: ImageBatch = { images: batch.images, labels: batch.labels.map(() => 1) };
  const [mixing, plain] = [open({ cutmix: 1 }), open()];
  const [cut] = cutBatch(alike, drawn({ cutmix: 1 }, count));
  assert.equal(mixing.train(alike, place), plain.train(cut, place));
  const names = plain.variables.map(({ name }) => name);
  assert.deepEqual(mixing.read(names), plain.read(names));
  assert.deepEqual(mixing.evaluate(batch), plain.evaluate(batch));
  for (const program of [mixing, plain]) program.close();
});

test('each micro-batch is mixed by itself', () => {
  const alike: ImageBatch = { images: batch.images, labels: batch.labels.map(() => 1) };
  const [mixing, plain] = [open({ cutmix: 1 }, 6), open(undefined, 6)];
  const parts = [0, 1].map((part) =>
    mixedHere(
      batch.images.subarray(part * 6 * imageBytes, (part + 1) * 6 * imageBytes),
      drawn({ cutmix: 1 }, 6, part),
    ),
  );
  const images = Uint8Array.from(parts.flatMap((part) => [...part]));
  assert.equal(mixing.train(alike, place), plain.train({ ...alike, images }, place));
  for (const program of [mixing, plain]) program.close();
});

test('features are of images as they are', () => {
  const [mixing, plain] = [open({ mixup: 0.8 }), open()];
  assert.deepEqual(mixing.features(batch), plain.features(batch));
  for (const program of [mixing, plain]) program.close();
});
