/** Figures that Keras gave for a short training, small enough to be kept: means instead of tensors. */
import type { Program } from '../../model/program.ts';

export const goldenSettings = {
  architecture: 'resnet50v2',
  imageSize: 32,
  trainable: 'all',
  batchSize: 8,
} as const;

export const goldenPath = new URL('../model/golden.json', import.meta.url).pathname;

export type Golden = Record<string, number | number[]>;

/** Probabilities and losses whole; of gradients, values and velocities their mean sizes. */
export function goldenOf(program: Program, values: (name: string) => Float32Array): Golden {
  const golden: Golden = {
    probabilities: [...values('probabilities')],
    losses: [...values('losses')],
  };
  for (const { name, trainable } of program.variables) {
    for (const kind of trainable ? ['gradient', 'value', 'velocity'] : ['value']) {
      golden[`${kind}/${name}`] = meanSize(values(`${kind}/${name}`));
    }
  }
  return golden;
}

/** Of a gradient that is zero by nature, float64 leaves 1e-17 or so, another one each time. */
function meanSize(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
  return mean < 1e-12 ? 0 : Math.fround(mean);
}
