import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colourMap } from '../../data/colour.ts';
import { render } from '../../data/pixels.ts';
import { cropMap, neededPart, through, turnMap, unmoved } from '../../data/spatial.ts';
import type { CropWindow, SpatialMap } from '../../data/spatial.ts';
import { madeImage } from './support.ts';

const sameColours = () => colourMap({ brightness: 1, contrast: 1, saturation: 1, hueTurns: 0 }, 0);

/** A view [size, size, 3] of an image [height, width, 3], its colours as they are. */
function viewOf(
  image: Uint8Array,
  { height, width }: { height: number; width: number },
  map: SpatialMap,
  size: number,
): Uint8Array {
  return render({ image, height, width }, map, sameColours, size);
}

interface Move {
  readonly shiftX?: number;
  readonly shiftY?: number;
  readonly flip?: boolean;
  readonly rotationTurns?: number;
}

function moved(image: Uint8Array, size: number, change: Move): Uint8Array {
  const { shiftX = 0, shiftY = 0, flip = false, rotationTurns = 0 } = change;
  const cut = cropMap({ left: shiftX, top: shiftY, width: size, height: size }, size);
  const map = through(cut, turnMap(flip, rotationTurns));
  return viewOf(image, { height: size, width: size }, map, size);
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

/** Ramps: red rises with x, green with y; as large as `stretch` makes them. */
function ramps(height: number, width: number): Uint8Array {
  return Uint8Array.from({ length: height * width * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3);
    return [2 * (pixel % width), 2 * Math.floor(pixel / width), 0][at % 3]!;
  });
}

test('a window is stretched to the output, from its first pixels to its last', () => {
  const image = ramps(60, 100);
  const window: CropWindow = { left: 20, top: 10, width: 61, height: 31 };
  const view = viewOf(image, { height: 60, width: 100 }, cropMap(window, 21), 21);
  for (let y = 0; y < 21; y += 1) {
    for (let x = 0; x < 21; x += 1) {
      const [red, green] = view.subarray((y * 21 + x) * 3);
      assert.ok(Math.abs(red! - 2 * (20 + 3 * x)) <= 1, `(${x}, ${y}): red ${red}`);
      assert.ok(Math.abs(green! - 2 * (10 + 1.5 * y)) <= 1, `(${x}, ${y}): green ${green}`);
    }
  }
});

test('the whole of an image reaches to its edges without the black around it', () => {
  const white = new Uint8Array(37 * 52 * 3).fill(255);
  for (const size of [32, 97]) {
    const whole = cropMap({ left: 0, top: 0, width: 52, height: 37 }, size);
    const view = viewOf(white, { height: 37, width: 52 }, whole, size);
    assert.ok(Math.min(...view) >= 254, String(Math.min(...view)));
  }
});

test('two maps together are the one seen through the other', () => {
  const image = madeImage(3);
  const shifted = { ...unmoved, shiftX: 5, shiftY: -3 };
  const mirrored = turnMap(true, 0);
  const square = { height: 32, width: 32 };
  const inTurn = viewOf(viewOf(image, square, shifted, 32), square, mirrored, 32);
  assert.deepEqual(viewOf(image, square, through(shifted, mirrored), 32), inTurn);
});

test('what a view does not reach is not needed', () => {
  const map = cropMap({ left: 40, top: 20, width: 11, height: 11 }, 11);
  assert.deepEqual(neededPart(map, 11, 100, 100), { left: 39, top: 19, width: 13, height: 13 });
  const away = cropMap({ left: -500, top: 400, width: 11, height: 11 }, 11);
  assert.deepEqual(neededPart(away, 11, 100, 100), { left: 0, top: 99, width: 1, height: 1 });
  const nothing = viewOf(new Uint8Array(30_000).fill(9), { height: 100, width: 100 }, away, 11);
  assert.ok(nothing.every((value) => value === 0));
});
