/**
 * Brightness, contrast, saturation and hue as one affine map of a pixel: a 3x3 matrix and an
 * offset. Between the four nothing is rounded or clipped.
 */
import { cosSin } from './trigonometry.ts';

/** Factors (1: unchanged), and the hue's turn as a part of the colour circle (0: unchanged). */
export interface ColourChange {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hueTurns: number;
}

/** Rows of 16.16 fixed-point numbers, a row an output channel: factors of red, green and blue, and the offset. [3, 4] */
export type ColourMap = Int32Array;

/** The luma of red, green and blue (ITU-R BT.601). */
const luma = [0.299, 0.587, 0.114] as const;
/** I and Q of YIQ: the plane of the chroma. Rows and columns: red, green, blue. */
const i = [0.5959, -0.2746, -0.3213] as const;
const q = [0.2115, -0.5227, 0.3112] as const;

/**
 * A pixel is its grey (the luma, in each channel) and the rest, its chroma: saturation scales that,
 * hue turns it in the plane of I and Q. As 3x3 matrices, row by row: a pixel's grey, its chroma,
 * and its chroma a quarter turn on.
 */
const grey = [...luma, ...luma, ...luma];
const chroma = [1, 0, 0, 0, 1, 0, 0, 0, 1].map((one, at) => one - grey[at]!);
const quarterTurn = turnedChroma();

/**
 * Scales by the brightness, spreads around the image's mean grey by the contrast, then scales and
 * turns the chroma. `meanGrey` is in [0, 255].
 */
export function colourMap(change: ColourChange, meanGrey: number): ColourMap {
  const { brightness, contrast, saturation, hueTurns } = change;
  const { cos, sin } = cosSin(hueTurns);
  const scale = brightness * contrast;
  const along = scale * saturation * cos;
  const across = scale * saturation * sin;
  const offset = toFixed((1 - contrast) * brightness * meanGrey);
  const map = new Int32Array(12);
  for (let row = 0; row < 3; row += 1) {
    for (let column = 0; column < 3; column += 1) {
      const at = row * 3 + column;
      map[row * 4 + column] = toFixed(
        scale * grey[at]! + along * chroma[at]! + across * quarterTurn[at]!,
      );
    }
    map[row * 4 + 3] = offset;
  }
  return map;
}

/** The mean luma of an image, in [0, 255], from the sums of its channels. */
export function meanGrey(red: number, green: number, blue: number, pixels: number): number {
  return (luma[0] * red + luma[1] * green + luma[2] * blue) / pixels;
}

/** The pixel whose I is minus `pixel`'s Q, and whose Q is its I; its luma is 0. */
function turnedChroma(): number[] {
  // What has I = 1 and what has Q = 1, all else being 0.
  const volume = dot(luma, cross(i, q));
  const unitI = cross(q, luma).map((value) => value / volume);
  const unitQ = cross(luma, i).map((value) => value / volume);
  return [0, 1, 2].flatMap((row) =>
    [0, 1, 2].map((column) => unitQ[row]! * i[column]! - unitI[row]! * q[column]!),
  );
}

type Vector = readonly [number, number, number];

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

const toFixed = (value: number): number => Math.round(value * 65536);
