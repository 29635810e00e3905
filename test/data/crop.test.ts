import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawPaddedCrop, drawShape, shapedWindow } from '../../data/crop.ts';
import { purposes, randomStream } from '../../data/random.ts';
import type { CropWindow } from '../../data/spatial.ts';

const stream = (number: number) => randomStream(number, purposes.augmentation);

/** Windows of a 300 x 200 image. */
function windows(
  scale: [number, number],
  ratio: [number, number],
  image = { height: 200, width: 300 },
): CropWindow[] {
  return Array.from({ length: 2000 }, (_, number) =>
    shapedWindow(image, scale, ratio, drawShape(stream(number))),
  );
}

const spanOf = (values: readonly number[]): [number, number] => [
  Math.min(...values),
  Math.max(...values),
];

test('a shaped window has an area and a ratio of all of their ranges, and lies within the image', () => {
  const all = windows([0.1, 0.5], [3 / 4, 4 / 3]);
  const [least, most] = spanOf(all.map(({ width, height }) => (width * height) / 60_000));
  assert.ok(least >= 0.1 - 1e-9 && least < 0.11 && most <= 0.5 + 1e-9 && most > 0.49);
  const [narrow, wide] = spanOf(all.map(({ width, height }) => width / height));
  assert.ok(narrow >= 0.75 - 1e-9 && narrow < 0.76 && wide <= 4 / 3 + 1e-9 && wide > 1.32);
  for (const { left, top, width, height } of all) {
    assert.ok(left >= 0 && top >= 0 && left + width <= 300 + 1e-9 && top + height <= 200 + 1e-9);
  }
  const [leftmost, rightmost] = spanOf(all.map(({ left, width }) => left / (300 - width)));
  assert.ok(leftmost < 0.01 && rightmost > 0.99);
});

test('half of the shapes are wider than high', () => {
  const wide = windows([0.1, 0.3], [1 / 2, 2]).filter(({ width, height }) => width > height);
  assert.ok(Math.abs(wide.length - 1000) < 100, String(wide.length));
});

test('where a ratio does not fit the area, the window is as large as fits', () => {
  for (const { width, height } of windows([1, 1], [1, 1])) {
    assert.ok(Math.abs(width - 200) < 1e-9 && Math.abs(height - 200) < 1e-9, `${width} ${height}`);
  }
  for (const { width, height } of windows([0.9, 1], [3, 3])) {
    assert.ok(Math.abs(width - 300) < 1e-9 && Math.abs(height - 100) < 1e-9, `${width} ${height}`);
  }
});

test('the whole image is a window of its own ratio', () => {
  const [whole] = windows([1, 1], [1.5, 1.5]);
  assert.ok(Math.abs(whole!.width - 300) < 1e-9 && whole!.left < 1e-9);
});

test('a padded crop lies anywhere in the padded image, by whole pixels', () => {
  const image = { height: 37, width: 56 };
  const all = Array.from({ length: 4000 }, (_, number) =>
    drawPaddedCrop(image, 32, 4, stream(number)),
  );
  const lefts = [...new Set(all.map(({ left }) => left))].toSorted((a, b) => a - b);
  const tops = [...new Set(all.map(({ top }) => top))].toSorted((a, b) => a - b);
  assert.deepEqual(
    lefts,
    Array.from({ length: 56 + 8 - 32 + 1 }, (_, index) => index - 4),
  );
  assert.deepEqual(
    tops,
    Array.from({ length: 37 + 8 - 32 + 1 }, (_, index) => index - 4),
  );
});

test('of an image that is smaller, the window is as large as its shorter side', () => {
  const { width, height } = drawPaddedCrop({ height: 20, width: 30 }, 32, 0, stream(1));
  assert.deepEqual([width, height], [20, 20]);
});
