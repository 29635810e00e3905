/** Named configurations to start from. What a user writes is laid over the preset, key by key. */
import type { ConfigInput } from './config.ts';

export const presets = {
  /** Real CIFAR-10 from scratch in two to four minutes of training on two cores. */
  quickstart: {
    dataset: { source: 'cifar10', limit: 25_000 },
    augment: { rotationDegrees: 5, brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0 },
    model: { batchNormMomentum: 0.9 },
    training: {
      epochs: 5,
      batchSize: 64,
      optimizer: { name: 'rmsprop' },
      learningRate: { schedule: 'cosine', initial: 0.001 },
      validateEverySteps: 200,
    },
  },
  /** The source article's own parameters: a pretrained network, of which BatchNorm and a new head learn. */
  article: {
    model: { weights: 'imagenet', trainable: 'head+batchnorm', dropout: 0.5 },
    training: {
      epochs: 10,
      batchSize: 32,
      optimizer: { name: 'rmsprop', rho: 0.9 },
      learningRate: { schedule: 'constant', initial: 0.01 },
      validateEverySteps: 500,
    },
  },
} as const satisfies Record<string, ConfigInput>;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as PresetName[];
export const defaultPreset: PresetName = 'quickstart';
