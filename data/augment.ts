/**
 * Augmentation of one image: a function of (seed, view, sample) and nothing else, to the byte, on
 * any machine. The colours are mapped first, then the pixels are moved; README.md has the formulas.
 *
 * Only integers and the four operations on doubles are used: their results are fixed by the
 * language, which those of `Math.sin` and its like are not.
 */
import { hash } from 'node:crypto';
import type { ImageAugmentation } from '../contract/stages.ts';
import { colourMap } from './colour.ts';
import type { ColourChange } from './colour.ts';
import { drawPaddedCrop, drawShape, shapedWindow } from './crop.ts';
import type { ImageSize } from './crop.ts';
import { drawErasing, erase } from './erasing.ts';
import type { ErasingDraw } from './erasing.ts';
import { render } from './pixels.ts';
import type { PixelImage } from './pixels.ts';
import { purposes, randomStream } from './random.ts';
import { cropMap, through, turnMap } from './spatial.ts';
import type { CropWindow } from './spatial.ts';
import { drawOperation, operationOf } from './trivial-augment.ts';
import type { OperationDraw } from './trivial-augment.ts';

/** Goes up whenever any image would come out otherwise: it is part of the shards' identity. */
export const augmentOperationVersion = 1;

/** Which view of which sample. */
export interface AugmentPlace {
  readonly seed: number;
  readonly view: number;
  readonly id: string;
}

/** A view [size, size, 3] of a base image of any size, which stays as it is. */
export function augmentImage(
  base: PixelImage,
  size: number,
  config: ImageAugmentation,
  place: AugmentPlace,
): Uint8Array {
  const drawn = drawChange(config, base, size, place);
  const operation = config.trivialAugment ? operationOf(drawn.operation, size) : {};
  const turn = turnMap(drawn.flip, drawn.rotationTurns);
  const cut = through(cropMap(drawn.window, size), turn);
  const map = operation.spatial ? through(cut, operation.spatial) : cut;
  const colours = scaledBy(drawn, operation.colour);
  const view = render(base, map, (grey) => colourMap(colours, grey), size);
  operation.retouch?.(view, size);
  if (config.erasing) erase(view, size, config.erasing, drawn.erasing);
  return view;
}

export interface Change extends ColourChange {
  readonly window: CropWindow;
  readonly flip: boolean;
  readonly rotationTurns: number;
  readonly operation: OperationDraw;
  readonly erasing: ErasingDraw;
}

/** Each value is drawn whether it is used or not, so that a knob changes no other's values. */
export function drawChange(
  config: ImageAugmentation,
  base: ImageSize,
  size: number,
  { seed, view, id }: AugmentPlace,
): Change {
  const digest = hash('sha256', id, 'buffer');
  const place = [view, digest.readUInt32LE(0), digest.readUInt32LE(4)] as const;
  const random = randomStream(seed, purposes.augmentation, place);
  const within = (limit: number): number => random.between(-limit, limit);
  const padded = drawPaddedCrop(base, size, config.cropPadding, random);
  const turn = {
    flip: random.uniform() < config.flip,
    rotationTurns: within(config.rotationDegrees / 360),
  };
  const colours: ColourChange = {
    brightness: 1 + within(config.brightness),
    contrast: 1 + within(config.contrast),
    saturation: 1 + within(config.saturation),
    hueTurns: within(config.hue),
  };
  const shape = drawShape(random);
  const { crop } = config;
  const window = crop ? shapedWindow(base, crop.scale, crop.ratio, shape) : padded;
  return {
    window,
    ...turn,
    ...colours,
    operation: drawOperation(random),
    erasing: drawErasing(random),
  };
}

function scaledBy(one: ColourChange, other: Partial<ColourChange> = {}): ColourChange {
  const { brightness = 1, contrast = 1, saturation = 1 } = other;
  return {
    brightness: one.brightness * brightness,
    contrast: one.contrast * contrast,
    saturation: one.saturation * saturation,
    hueTurns: one.hueTurns,
  };
}
