/** Random erasing: a rectangle of the view becomes one plain colour (Zhong et al., AAAI 2020). */
import type { ErasingConfig } from '../contract/config.ts';
import { drawShape, shapedWindow } from './crop.ts';
import type { ShapeDraws } from './crop.ts';
import type { RandomStream } from './random.ts';

export interface ErasingDraw {
  readonly chance: number;
  readonly shape: ShapeDraws;
  /** Red, green and blue. */
  readonly colour: readonly [number, number, number];
}

export const drawErasing = (random: RandomStream): ErasingDraw => ({
  chance: random.uniform(),
  shape: drawShape(random),
  colour: [random.below(256), random.below(256), random.below(256)],
});

/** Of a view [size, size, 3], in place. */
export function erase(
  view: Uint8Array,
  size: number,
  { probability, area, ratio }: ErasingConfig,
  { chance, shape, colour }: ErasingDraw,
): void {
  if (chance >= probability) return;
  const window = shapedWindow({ height: size, width: size }, area, ratio, shape);
  const [left, right] = [Math.round(window.left), Math.round(window.left + window.width)];
  const [top, bottom] = [Math.round(window.top), Math.round(window.top + window.height)];
  for (let y = top; y < bottom; y += 1) {
    for (let at = (y * size + left) * 3; at < (y * size + right) * 3; at += 3) view.set(colour, at);
  }
}
