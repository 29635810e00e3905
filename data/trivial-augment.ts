/**
 * TrivialAugment: one operation an image, any of 14, at any of 31 strengths (Müller and Hutter,
 * "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", ICCV 2021; the wide space,
 * with torchvision's values). What moves pixels or scales colours joins the image's one map of
 * each; the rest is done to the view.
 */
import type { ColourChange } from './colour.ts';
import type { RandomStream } from './random.ts';
import { turnMap, unmoved } from './spatial.ts';
import type { SpatialMap } from './spatial.ts';
import { autoContrast, equalize, posterize, sharpen, solarize } from './tones.ts';

/** What an operation adds to a view; `retouch` works on its pixels [size, size, 3], in place. */
export interface Operation {
  readonly spatial?: SpatialMap;
  readonly colour?: Partial<ColourChange>;
  readonly retouch?: (view: Uint8Array, size: number) => void;
}

/** Of a strength in [0, 1] and a sign, 1 or -1. */
type Rule = (strength: number, sign: number, size: number) => Operation;

const factor = (strength: number, sign: number): number => 1 + sign * 0.99 * strength;

/** In torchvision's order. */
const rules: readonly Rule[] = [
  () => ({}),
  (strength, sign, size) => shear('xy', 'shiftX', sign * 0.99 * strength, size),
  (strength, sign, size) => shear('yx', 'shiftY', sign * 0.99 * strength, size),
  (strength, sign) => ({ spatial: { ...unmoved, shiftX: sign * 32 * strength } }),
  (strength, sign) => ({ spatial: { ...unmoved, shiftY: sign * 32 * strength } }),
  (strength, sign) => ({ spatial: turnMap(false, (sign * 135 * strength) / 360) }),
  (strength, sign) => ({ colour: { brightness: factor(strength, sign) } }),
  (strength, sign) => ({ colour: { saturation: factor(strength, sign) } }),
  (strength, sign) => ({ colour: { contrast: factor(strength, sign) } }),
  (strength, sign) => ({ retouch: (view, size) => sharpen(view, size, factor(strength, sign)) }),
  (strength) => ({ retouch: (view) => posterize(view, 8 - Math.round(6 * strength)) }),
  (strength) => ({ retouch: (view) => solarize(view, 255 - 255 * strength) }),
  () => ({ retouch: autoContrast }),
  () => ({ retouch: equalize }),
];

/** About the upper left corner, as PIL does. */
function shear(
  slope: 'xy' | 'yx',
  shift: 'shiftX' | 'shiftY',
  level: number,
  size: number,
): Operation {
  return { spatial: { ...unmoved, [slope]: level, [shift]: (level * size) / 2 } };
}

const strengths = 31;

export interface OperationDraw {
  readonly rule: number;
  readonly strength: number;
  readonly sign: number;
}

export const drawOperation = (random: RandomStream): OperationDraw => ({
  rule: Math.floor(random.uniform() * rules.length),
  strength: Math.floor(random.uniform() * strengths) / (strengths - 1),
  sign: random.uniform() < 0.5 ? -1 : 1,
});

export function operationOf({ rule, strength, sign }: OperationDraw, size: number): Operation {
  return rules[rule]!(strength, sign, size);
}
