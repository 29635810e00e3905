/**
 * What mixup and cutmix make of a batch, drawn here and fed to the graph that mixes. Semantics are
 * timm's: one share and one box for all of a batch, the share of cutmix that of the box as it was cut.
 */
import type { AugmentConfig } from '../contract/config.ts';
import { exp, ln } from './exponential.ts';
import { permutation, purposes, randomStream } from './random.ts';
import type { RandomStream } from './random.ts';

/** Alpha of each: shares come from Beta(alpha, alpha). With both, each batch takes one of them, either as likely. */
export type MixingSettings = Pick<AugmentConfig, 'mixup' | 'cutmix'>;

/** Undefined where nothing is mixed. */
export function mixingOf({ mixup, cutmix }: AugmentConfig): MixingSettings | undefined {
  return (mixup ?? cutmix) === undefined ? undefined : { mixup, cutmix };
}

export interface Mixing {
  /** Whom each image of the batch is mixed with: its index, int32 [B]. */
  readonly partners: Int32Array;
  /** The share of each pixel that stays its own, float32 [S, S]. */
  readonly weights: Float32Array;
  /** The share of each label that stays: the mean of `weights`. */
  readonly kept: number;
}

/** A batch, or the part of it that is computed at once. */
export interface MixedBatch {
  readonly seed: number;
  readonly step: number;
  readonly part: number;
  readonly images: number;
  /** Height and width. */
  readonly size: number;
}

export function drawMixing({ mixup, cutmix }: MixingSettings, batch: MixedBatch): Mixing {
  const { seed, step, part, images, size } = batch;
  const stream = randomStream(seed, purposes.mixing, [step, part]);
  const cuts = stream.uniform() < 0.5 ? cutmix !== undefined : mixup === undefined;
  const share = drawShare((cuts ? cutmix : mixup)!, stream);
  const weights = new Float32Array(size * size).fill(cuts ? 1 : share);
  if (cuts) {
    const half = Math.floor(Math.floor(size * Math.sqrt(1 - share)) / 2);
    const [middleX, middleY] = [stream.below(size), stream.below(size)];
    const within = (at: number): number => Math.min(size, Math.max(0, at));
    for (let y = within(middleY - half); y < within(middleY + half); y += 1) {
      const row = y * size;
      weights.fill(0, row + within(middleX - half), row + within(middleX + half));
    }
  }
  const kept = cuts ? weights.reduce((sum, one) => sum + one, 0) / weights.length : share;
  return { partners: Int32Array.from(permutation(images, stream)), weights, kept };
}

/** Every image as it is. */
export function unmixed(images: number, size: number): Mixing {
  const partners = Int32Array.from({ length: images }, (_, index) => index);
  return { partners, weights: new Float32Array(size * size).fill(1), kept: 1 };
}

/** From Beta(alpha, alpha): by Jöhnk's method below 1, else by rejection from the uniform. */
function drawShare(alpha: number, stream: RandomStream): number {
  for (;;) {
    const [u, v] = [aboveZero(stream), aboveZero(stream)];
    const [x, y] = [power(u, 1 / alpha), power(v, 1 / alpha)];
    if (alpha < 1 && x + y <= 1) return x / (x + y);
    if (alpha >= 1 && v <= power(4 * u * (1 - u), alpha - 1)) return u;
  }
}

const aboveZero = (stream: RandomStream): number => (stream.uint32() + 0.5) / 2 ** 32;

const power = (base: number, exponent: number): number => exp(exponent * ln(base));
