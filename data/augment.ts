/**
 * Augmentation of one image: a function of (seed, view, sample) and nothing else, to the byte, on
 * any machine. The colours are mapped first, then the pixels are moved; README.md has the formulas.
 *
 * Only integers and the four operations on doubles are used: their results are fixed by the
 * language, which those of `Math.sin` and its like are not.
 */
import { createHash } from 'node:crypto';
import type { AugmentConfig } from '../contract/config.ts';
import { colourMap, meanGrey, recolour } from './colour.ts';
import type { ColourChange } from './colour.ts';
import { purposes, randomStream } from './random.ts';
import { resample } from './spatial.ts';
import type { SpatialChange } from './spatial.ts';

/** Goes up whenever any image would come out otherwise: it is part of the shards' identity. */
export const augmentOperationVersion = 1;

/** Which view of which sample. */
export interface AugmentPlace {
  readonly seed: number;
  readonly view: number;
  readonly id: string;
}

/** A new image; `image` is uint8 [size, size, 3] and stays as it is. */
export function augmentImage(
  image: Uint8Array,
  size: number,
  config: AugmentConfig,
  place: AugmentPlace,
): Uint8Array {
  const change = drawChange(config, place);
  const framed = frameOf(size);
  recolour(image, size, colourMap(change, meanGrey(image)), framed);
  const output = new Uint8Array(size * size * 3);
  resample(framed, size, change, output);
  return output;
}

/** Each value is drawn whether it is used or not, so that a knob turned to 0 changes no other's values. */
export function drawChange(
  config: AugmentConfig,
  { seed, view, id }: AugmentPlace,
): ColourChange & SpatialChange {
  const hash = createHash('sha256').update(id).digest();
  const place = [view, hash.readUInt32LE(0), hash.readUInt32LE(4)] as const;
  const random = randomStream(seed, purposes.augmentation, place);
  const within = (limit: number): number => random.between(-limit, limit);
  const shifts = 2 * config.cropPadding + 1;
  return {
    shiftX: random.below(shifts) - config.cropPadding,
    shiftY: random.below(shifts) - config.cropPadding,
    flip: random.uniform() < config.flip,
    rotationTurns: within(config.rotationDegrees / 360),
    brightness: 1 + within(config.brightness),
    contrast: 1 + within(config.contrast),
    saturation: 1 + within(config.saturation),
    hueTurns: within(config.hue),
  };
}

/** The last size's scratch image: its frame is never written, so it stays black. */
let scratch = { size: 0, framed: new Uint8ClampedArray() };

function frameOf(size: number): Uint8ClampedArray {
  if (scratch.size !== size) {
    scratch = { size, framed: new Uint8ClampedArray((size + 2) ** 2 * 3) };
  }
  return scratch.framed;
}
