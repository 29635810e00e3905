/** Made images and shards, and the real CIFAR-10 images where they are at hand. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { purposes, randomStream } from '../../data/random.ts';
import type { ShardSample } from '../../data/tfrecord.ts';

/** An archive of 10,000 real images beside the checkout, for those who have it. */
const archive = fileURLToPath(
  new URL('../../../shared/data/cifar10-10k/cifar-10-binary.tar.gz', import.meta.url),
);
export const realCifar = existsSync(archive) ? archive : undefined;

/** Smooth colours with noise on them: uint8 [size, size, 3], another for each `number`. */
export function madeImage(number: number, size = 32): Uint8Array {
  const random = randomStream(number, purposes.augmentation, [0xffff_ffff]);
  const waves = [random.between(1, 5), random.between(1, 5), random.between(1, 5)];
  return Uint8Array.from({ length: size * size * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3);
    const along = (((pixel % size) + Math.floor(pixel / size)) / (2 * size)) * waves[at % 3]!;
    return Math.floor(255 * (0.8 * (along % 1) + 0.2 * random.uniform()));
  });
}

export function madeSamples(count: number, size = 4, first = 0): ShardSample[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `made/${String(first + index).padStart(5, '0')}`,
    label: (first + index) % 3,
    image: madeImage(first + index, size),
    height: size,
    width: size,
  }));
}
