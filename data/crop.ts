/** Which part of a base image becomes the view. */
import { exp, ln } from './exponential.ts';
import type { RandomStream } from './random.ts';
import type { CropWindow } from './spatial.ts';

/** Height and width in pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

type Range = readonly [number, number];

/**
 * A window at a random place, by whole pixels, in the image with `padding` around it: square, of
 * `size` or as large as the image has room for.
 */
export function drawPaddedCrop(
  { height, width }: ImageSize,
  size: number,
  padding: number,
  random: RandomStream,
): CropWindow {
  const side = Math.min(size, height, width);
  const left = random.below(width + 2 * padding - side + 1) - padding;
  const top = random.below(height + 2 * padding - side + 1) - padding;
  return { left, top, width: side, height: side };
}

/** Four numbers in [0, 1): of area and ratio, and of the place. */
export type ShapeDraws = readonly [area: number, ratio: number, x: number, y: number];

export const drawShape = (random: RandomStream): ShapeDraws => [
  random.uniform(),
  random.uniform(),
  random.uniform(),
  random.uniform(),
];

/**
 * A window within the image: its ratio of width to height is uniform in its logarithm, its area (a
 * share of the image's) uniform as far as that ratio fits; where not even the smallest fits, as
 * large as fits.
 */
export function shapedWindow(
  { height, width }: ImageSize,
  scale: Range,
  ratio: Range,
  [area, shape, x, y]: ShapeDraws,
): CropWindow {
  const lnRatio = between([ln(ratio[0]), ln(ratio[1])], shape);
  const aspect = exp(lnRatio);
  const fits = Math.min((width * width) / aspect, height * height * aspect);
  const most = Math.min(scale[1] * width * height, fits);
  const pixels = between([Math.min(scale[0] * width * height, most), most], area);
  const across = Math.min(width, exp((ln(pixels) + lnRatio) / 2));
  const down = Math.min(height, pixels / across);
  return { left: x * (width - across), top: y * (height - down), width: across, height: down };
}

const between = ([low, high]: Range, share: number): number => low + (high - low) * share;
