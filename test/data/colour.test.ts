import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colourMap, meanGrey } from '../../data/colour.ts';
import type { ColourChange, ColourMap } from '../../data/colour.ts';
import { render } from '../../data/pixels.ts';
import { unmoved } from '../../data/spatial.ts';
import { madeImage } from './support.ts';

const unchanged: ColourChange = { brightness: 1, contrast: 1, saturation: 1, hueTurns: 0 };

function recoloured(image: Uint8Array, change: Partial<ColourChange>): Uint8Array {
  const size = Math.sqrt(image.length / 3);
  const colours = (grey: number): ColourMap => colourMap({ ...unchanged, ...change }, grey);
  return render({ image, height: size, width: size }, unmoved, colours, size);
}

function greyOf(image: Uint8Array): number {
  const sums = [0, 1, 2].map((channel) =>
    image.reduce((sum, value, at) => sum + (at % 3 === channel ? value : 0), 0),
  );
  return meanGrey(sums[0]!, sums[1]!, sums[2]!, image.length / 3);
}

const clip = (value: number): number => Math.min(255, Math.max(0, value));

test('the four together are within one level of one after the other in doubles', () => {
  const image = madeImage(1);
  const change = { brightness: 1.15, contrast: 0.85, saturation: 1.3, hueTurns: 0.06 };
  const view = recoloured(image, change);
  const mean = change.brightness * greyOf(image);
  const angle = 2 * Math.PI * change.hueTurns;
  for (let at = 0; at < image.length; at += 3) {
    const [red, green, blue] = [0, 1, 2].map(
      (channel) => change.contrast * (change.brightness * image[at + channel]! - mean) + mean,
    ) as [number, number, number];
    const luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    const i = change.saturation * (0.5959 * red - 0.2746 * green - 0.3213 * blue);
    const q = change.saturation * (0.2115 * red - 0.5227 * green + 0.3112 * blue);
    const [turnedI, turnedQ] = [
      i * Math.cos(angle) - q * Math.sin(angle),
      i * Math.sin(angle) + q * Math.cos(angle),
    ];
    // The inverse, as it is commonly printed, to three digits.
    const expected = [
      luma + 0.956 * turnedI + 0.619 * turnedQ,
      luma - 0.272 * turnedI - 0.647 * turnedQ,
      luma - 1.106 * turnedI + 1.703 * turnedQ,
    ];
    expected.forEach((value, channel) => {
      const got = view[at + channel]!;
      assert.ok(Math.abs(got - clip(value)) <= 1, `${at}: ${got}, expected ${value}`);
    });
  }
});

test('unchanged factors leave each byte as it is', () => {
  assert.deepEqual(recoloured(madeImage(2), {}), madeImage(2));
});

test('brightness 0 is black, and brightness 2 clips at white', () => {
  assert.ok(recoloured(madeImage(2), { brightness: 0 }).every((value) => value === 0));
  const bright = recoloured(madeImage(2), { brightness: 2 });
  assert.deepEqual(
    bright,
    madeImage(2).map((value) => clip(2 * value)),
  );
});

test('contrast 0 is the mean grey everywhere', () => {
  const image = madeImage(2);
  const grey = Math.round(greyOf(image));
  assert.ok(recoloured(image, { contrast: 0 }).every((value) => value === grey));
});

test('saturation 0 leaves grey, and no hue colours a grey pixel', () => {
  const greyed = recoloured(madeImage(2), { saturation: 0 });
  for (let at = 0; at < greyed.length; at += 3) {
    assert.equal(greyed[at], greyed[at + 1]);
    assert.equal(greyed[at], greyed[at + 2]);
  }
  assert.deepEqual(recoloured(greyed, { hueTurns: 0.4, saturation: 2 }), greyed);
});

test('a third of the colour circle turns red to the neighbourhood of green or blue', () => {
  const red = new Uint8Array(48).map((_, at) => (at % 3 === 0 ? 120 : 60));
  const [r, g, b] = recoloured(red, { hueTurns: 1 / 3 });
  assert.ok(Math.max(g!, b!) > r!);
});

test('the mean grey is the mean of the luma', () => {
  assert.equal(greyOf(new Uint8Array(12).fill(100)), 100);
  assert.ok(Math.abs(greyOf(Uint8Array.of(10, 20, 30)) - (2.99 + 11.74 + 3.42)) < 1e-12);
  for (const size of [1, 5, 32]) {
    const image = madeImage(7, size);
    let grey = 0;
    render(
      { image, height: size, width: size },
      unmoved,
      (found) => {
        grey = found;
        return colourMap(unchanged, found);
      },
      size,
    );
    assert.equal(grey, greyOf(image));
  }
});
