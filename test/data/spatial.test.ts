import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resample } from '../../data/spatial.ts';
import type { SpatialChange } from '../../data/spatial.ts';
import { madeImage } from './support.ts';

const unchanged: SpatialChange = { shiftX: 0, shiftY: 0, flip: false, rotationTurns: 0 };

function moved(image: Uint8Array, size: number, change: Partial<SpatialChange>): Uint8Array {
  const framed = new Uint8ClampedArray((size + 2) ** 2 * 3);
  for (let row = 0; row < size; row += 1) {
    framed.set(
      image.subarray(row * size * 3, (row + 1) * size * 3),
      ((row + 1) * (size + 2) + 1) * 3,
    );
  }
  const output = new Uint8Array(image.length);
  resample(framed, size, { ...unchanged, ...change }, output);
  return output;
}

test('a quarter turn carries each pixel to its place exactly', () => {
  for (const size of [7, 32]) {
    const image = madeImage(1, size);
    const turned = moved(image, size, { rotationTurns: 0.25 });
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        const from = ((size - 1 - x) * size + y) * 3;
        const to = (y * size + x) * 3;
        assert.deepEqual(turned.subarray(to, to + 3), image.subarray(from, from + 3));
      }
    }
  }
});

test('two half turns give the image back', () => {
  const image = madeImage(2);
  const half = { rotationTurns: 0.5 };
  assert.deepEqual(moved(moved(image, 32, half), 32, half), image);
});

test('a rotated, shifted and flipped image is within two levels of bilinear sampling in doubles', () => {
  const size = 32;
  const image = madeImage(6, size);
  const change = { shiftX: 3, shiftY: -2, flip: true, rotationTurns: 13 / 360 };
  const view = moved(image, size, change);
  const at = (x: number, y: number, channel: number): number =>
    x < 0 || y < 0 || x >= size || y >= size ? 0 : image[(y * size + x) * 3 + channel]!;
  const angle = 2 * Math.PI * change.rotationTurns;
  const centre = (size - 1) / 2;
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const [u, v] = [x - centre, y - centre];
      const fromX = centre + change.shiftX - (u * Math.cos(angle) + v * Math.sin(angle));
      const fromY = centre + change.shiftY + v * Math.cos(angle) - u * Math.sin(angle);
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [right, down] = [fromX - left, fromY - top];
      for (let channel = 0; channel < 3; channel += 1) {
        const expected =
          (1 - down) * ((1 - right) * at(left, top, channel) + right * at(left + 1, top, channel)) +
          down *
            ((1 - right) * at(left, top + 1, channel) + right * at(left + 1, top + 1, channel));
        const got = view[(y * size + x) * 3 + channel]!;
        assert.ok(Math.abs(got - expected) <= 2, `(${x}, ${y}): ${got}, expected ${expected}`);
      }
    }
  }
});

test('what was turned in from outside is black', () => {
  const white = new Uint8Array(32 * 32 * 3).fill(255);
  const view = moved(white, 32, { rotationTurns: 0.125 });
  assert.deepEqual([...view.subarray(0, 3)], [0, 0, 0]);
  assert.deepEqual([...view.subarray((16 * 32 + 16) * 3, (16 * 32 + 16) * 3 + 3)], [255, 255, 255]);
});
