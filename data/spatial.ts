/** Crop, flip and rotation as one affine map from the output's pixels back to the image's. */
import { cosSin } from './trigonometry.ts';

/**
 * From a pixel (u, v) of the output, counted from its middle, to the place in the image:
 * x = xx u + xy v + shiftX and y = yx u + yy v + shiftY, from where the output's middle would lie
 * if it stood in the image's upper left corner.
 */
export interface SpatialMap {
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
  readonly shiftX: number;
  readonly shiftY: number;
}

/** A part of an image, in pixels; it may reach beyond the image. */
export interface CropWindow {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export const unmoved: SpatialMap = { xx: 1, xy: 0, yx: 0, yy: 1, shiftX: 0, shiftY: 0 };

/** The window becomes the output [size, size]: the middles of its outermost pixels those of the output's. */
export function cropMap({ left, top, width, height }: CropWindow, size: number): SpatialMap {
  return {
    ...unmoved,
    xx: (width - 1) / (size - 1),
    yy: (height - 1) / (size - 1),
    shiftX: left + (width - size) / 2,
    shiftY: top + (height - size) / 2,
  };
}

/** Mirrored left to right, and turned about the middle. */
export function turnMap(flip: boolean, turns: number): SpatialMap {
  const { cos, sin } = cosSin(turns);
  const mirror = flip ? -1 : 1;
  return { ...unmoved, xx: mirror * cos, xy: mirror * sin, yx: -sin, yy: cos };
}

/** What `inner` makes of the image, seen through `outer`. */
export function through(inner: SpatialMap, outer: SpatialMap): SpatialMap {
  return {
    xx: inner.xx * outer.xx + inner.xy * outer.yx,
    xy: inner.xx * outer.xy + inner.xy * outer.yy,
    yx: inner.yx * outer.xx + inner.yy * outer.yx,
    yy: inner.yx * outer.xy + inner.yy * outer.yy,
    shiftX: inner.xx * outer.shiftX + inner.xy * outer.shiftY + inner.shiftX,
    shiftY: inner.yx * outer.shiftX + inner.yy * outer.shiftY + inner.shiftY,
  };
}

/** The pixels of an image [height, width] that an output of this size is made of; at least one. */
export function neededPart(
  { xx, xy, yx, yy, shiftX, shiftY }: SpatialMap,
  size: number,
  height: number,
  width: number,
): CropWindow {
  const centre = (size - 1) / 2;
  const along = (middle: number, reach: number, length: number): [number, number] => {
    const first = Math.min(length - 1, Math.max(0, Math.floor(middle - reach) - 1));
    const last = Math.min(length - 1, Math.max(0, Math.ceil(middle + reach) + 1));
    return [first, last - first + 1];
  };
  const reachX = (Math.abs(xx) + Math.abs(xy)) * centre;
  const reachY = (Math.abs(yx) + Math.abs(yy)) * centre;
  const [left, across] = along(centre + shiftX, reachX, width);
  const [top, down] = along(centre + shiftY, reachY, height);
  return { left, top, width: across, height: down };
}

/** 16.16 fixed point. */
export const toFixed = (value: number): number => Math.round(value * 65536);
