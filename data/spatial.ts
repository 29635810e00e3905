/** Crop, flip and rotation as one affine map from the output's pixels back to the image's. */
import { cosSin } from './trigonometry.ts';

export interface SpatialChange {
  /** Where the crop lies in the padded image, from its middle, in pixels. */
  readonly shiftX: number;
  readonly shiftY: number;
  readonly flip: boolean;
  readonly rotationTurns: number;
}

/**
 * Writes `output` [size, size, 3]: each pixel from the four around its origin in `framed`, by
 * bilinear weights of 8 bits an axis. `framed` [size + 2, size + 2, 3] is the image in a frame of
 * black, and what lies outside is black.
 */
export function resample(
  framed: Uint8ClampedArray,
  size: number,
  { shiftX, shiftY, flip, rotationTurns }: SpatialChange,
  output: Uint8Array,
): void {
  const { cos, sin } = cosSin(rotationTurns);
  const mirror = flip ? -1 : 1;
  const centre = (size - 1) / 2;
  // The origin's place in `framed`, in 16.16 fixed point: what a step to the right adds to it.
  const xStep = toFixed(mirror * cos);
  const yStep = toFixed(-sin);
  const stride = (size + 2) * 3;
  let to = 0;
  for (let row = 0; row < size; row += 1) {
    const v = row - centre;
    let x = toFixed(mirror * (v * sin - centre * cos) + centre + shiftX + 1);
    let y = toFixed(v * cos + centre * sin + centre + shiftY + 1);
    for (const end = to + size * 3; to < end; to += 3, x += xStep, y += yStep) {
      const left = x >> 16;
      const top = y >> 16;
      if (left < 0 || left > size || top < 0 || top > size) continue;
      const right = (x >> 8) & 0xff;
      const down = (y >> 8) & 0xff;
      const w11 = imul(right, down);
      const w10 = (down << 8) - w11;
      const w01 = (right << 8) - w11;
      const w00 = 65536 - w11 - w10 - w01;
      const a = imul(top, stride) + imul(left, 3);
      const b = a + stride;
      // Written out for each channel: a loop here costs half as much again.
      output[to] =
        (imul(w00, framed[a]!) +
          imul(w01, framed[a + 3]!) +
          imul(w10, framed[b]!) +
          imul(w11, framed[b + 3]!) +
          half) >>
        16;
      output[to + 1] =
        (imul(w00, framed[a + 1]!) +
          imul(w01, framed[a + 4]!) +
          imul(w10, framed[b + 1]!) +
          imul(w11, framed[b + 4]!) +
          half) >>
        16;
      output[to + 2] =
        (imul(w00, framed[a + 2]!) +
          imul(w01, framed[a + 5]!) +
          imul(w10, framed[b + 2]!) +
          imul(w11, framed[b + 5]!) +
          half) >>
        16;
    }
  }
}

const { imul } = Math;
const half = 1 << 15;
const toFixed = (value: number): number => Math.round(value * 65536);
