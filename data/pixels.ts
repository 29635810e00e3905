/**
 * Renders a view of an image: the colours are mapped first, then the pixels are moved. The loops
 * are WebAssembly (wasm/pixels.ts), whose results are the same on every machine; here are its memory
 * and what it is told.
 */
import { readFileSync } from 'node:fs';
import { meanGrey } from './colour.ts';
import type { ColourMap } from './colour.ts';
import { neededPart, toFixed } from './spatial.ts';
import type { SpatialMap } from './spatial.ts';

/** uint8 [height, width, 3] */
export interface PixelImage {
  readonly image: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** As wasm/pixels.ts has them; addresses and numbers are int32. */
interface Loops {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): void };
  readonly sumChannels: (image: number, count: number, sums: number) => void;
  readonly recolour: (...imageWindowMapPart: number[]) => void;
  readonly resample: (...partStartsStepsSizeView: number[]) => void;
}

/** TypeScript has it among a browser's types only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const file = new URL('wasm/pixels.wasm', import.meta.url);
const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)));
const loops = instance.exports as Loops;
let bytes = new Uint8Array(loops.memory.buffer);
let words = new Int32Array(loops.memory.buffer);

/** Read and written beyond the ends of images and parts. */
const slackBytes = 16;
const pageBytes = 65_536;

/**
 * A view [size, size, 3]: `places` says where its pixels come from, `colours` makes the map of
 * their colours from the image's mean grey level.
 */
export function render(
  { image, height, width }: PixelImage,
  places: SpatialMap,
  colours: (meanGrey: number) => ColourMap,
  size: number,
): Uint8Array {
  const window = neededPart(places, size, height, width);
  // Sums and colour map, the starts of the rows, then the image, its framed part and the view.
  const [sums, map, starts] = [0, 16, 64];
  const source = aligned(starts + size * 8);
  const part = aligned(source + image.length + slackBytes);
  const view = aligned(part + (window.width + 2) * (window.height + 2) * 4 + slackBytes);
  reserve(view + size * size * 3 + slackBytes);

  bytes.set(image, source);
  loops.sumChannels(source, height * width, sums);
  const [red, green, blue] = words;
  words.set(colours(meanGrey(red!, green!, blue!, height * width)), map / 4);
  const { left, top } = window;
  loops.recolour(source, width, left, top, window.width, window.height, map, part);

  const { xx, xy, yx, yy, shiftX, shiftY } = places;
  const centre = (size - 1) / 2;
  for (let row = 0; row < size; row += 1) {
    const v = row - centre;
    const at = starts / 4 + row * 2;
    words[at] = toFixed(xy * v - xx * centre + centre + shiftX + 1) - left * 65536;
    words[at + 1] = toFixed(yy * v - yx * centre + centre + shiftY + 1) - top * 65536;
  }
  loops.resample(part, window.width, window.height, starts, toFixed(xx), toFixed(yx), size, view);
  return bytes.slice(view, view + size * size * 3);
}

const aligned = (at: number): number => (at + 15) & ~15;

function reserve(needed: number): void {
  if (needed <= bytes.length) return;
  loops.memory.grow(Math.ceil((needed - bytes.length) / pageBytes));
  bytes = new Uint8Array(loops.memory.buffer);
  words = new Int32Array(loops.memory.buffer);
}
