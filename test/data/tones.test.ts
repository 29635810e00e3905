import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autoContrast, equalize, posterize, sharpen, solarize } from '../../data/tones.ts';
import { madeImage } from './support.ts';

/** A grey image of these levels. */
const grey = (...levels: number[]): Uint8Array =>
  Uint8Array.from(levels.flatMap((level) => [level, level, level]));

function retouched(image: Uint8Array, retouch: (image: Uint8Array) => void): number[] {
  const copy = image.slice();
  retouch(copy);
  return [...copy.filter((_, at) => at % 3 === 0)];
}

test('posterize keeps the highest bits', () => {
  assert.deepEqual(
    retouched(grey(255, 130, 63), (image) => posterize(image, 2)),
    [192, 128, 0],
  );
  assert.deepEqual(
    retouched(grey(255, 130, 63), (image) => posterize(image, 8)),
    [255, 130, 63],
  );
});

test('solarize inverts from the threshold on', () => {
  assert.deepEqual(
    retouched(grey(0, 127, 128, 250), (image) => solarize(image, 128)),
    [0, 127, 127, 5],
  );
});

test('auto contrast spreads each channel over all levels, and leaves a plain one', () => {
  assert.deepEqual(retouched(grey(50, 100, 150), autoContrast), [0, 127, 255]);
  assert.deepEqual(retouched(grey(70, 70), autoContrast), [70, 70]);
  const image = Uint8Array.of(0, 10, 5, 255, 20, 5);
  autoContrast(image);
  assert.deepEqual([...image], [0, 0, 5, 255, 255, 5]);
});

test('equalize makes the levels equally frequent', () => {
  const levels = Array.from({ length: 1024 }, (_, at) => at % 4);
  const equalized = retouched(grey(...levels), equalize);
  assert.deepEqual([...new Set(equalized)], [0, 85, 171, 255]);
  assert.deepEqual(retouched(grey(70, 70), equalize), [70, 70]);
});

test('sharpness 1 leaves an image, 0 smooths it, and 2 goes as far the other way', () => {
  const image = madeImage(1, 16).map((value) => 64 + value / 2);
  const of = (factor: number): Uint8Array => {
    const copy = image.slice();
    sharpen(copy, 16, factor);
    return copy;
  };
  assert.deepEqual(of(1), image);
  const [smooth, sharp] = [of(0), of(2)];
  const at = (5 * 16 + 7) * 3 + 1;
  const around = [-51, -48, -45, -3, 3, 45, 48, 51].map((step) => image[at + step]!);
  const mean = (around.reduce((sum, value) => sum + value, 0) + 5 * image[at]!) / 13;
  assert.ok(Math.abs(smooth[at]! - mean) <= 1, `${smooth[at]}, not ${mean}`);
  const mirrored = Math.min(255, Math.max(0, 2 * image[at]! - smooth[at]!));
  assert.ok(Math.abs(sharp[at]! - mirrored) <= 1);
  assert.deepEqual(smooth.subarray(0, 48), image.subarray(0, 48));
});
