/** Nightshift's decoding and augmentation, measured as the peers' are: usage `ours.ts <spec>`. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema } from '../../contract/config.ts';
import { augmentImage } from '../../data/augment.ts';
import { decodeImage } from '../../data/decode.ts';
import type { PixelImage } from '../../data/pixels.ts';
import type { Spec } from './contest.ts';

const { photos, size, variant, warmupSeconds, seconds } = JSON.parse(process.argv[2]!) as Spec;
const { augment: defaults } = configSchema.parse({});
const { crop } = configSchema.parse({ augment: { crop: {} } }).augment;
const augment = photos === '' ? defaults : { ...defaults, flip: 0, crop };

const files = photos === '' ? [] : photographs(photos);
const decode = (file: Uint8Array): Promise<PixelImage> => decodeImage(file, size, 'train');
const made = (): PixelImage[] =>
  Array.from({ length: 2000 }, (_, number) => ({
    image: Uint8Array.from({ length: size * size * 3 }, (_, at) => ((number + at) * 7919) % 251),
    height: size,
    width: size,
  }));
const bases = photos === '' ? made() : variant === 'decoding' ? [] : await inTurn(files, decode);

let taken = 0;
await measureFor(warmupSeconds);
console.log(JSON.stringify({ imagesPerSecond: await measureFor(seconds) }));

async function measureFor(length: number): Promise<number> {
  const [began, before] = [performance.now(), taken];
  while (performance.now() - began < 1000 * length) {
    const index = taken % Math.max(files.length, bases.length);
    const base = bases[index] ?? (await decode(files[index]!));
    augmentImage(base, size, augment, { seed: 0, view: taken, id: `image/${index}` });
    taken += 1;
  }
  return (taken - before) / ((performance.now() - began) / 1000);
}

function photographs(folder: string): Uint8Array[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.jpg'))
    .toSorted()
    .map((name) => readFileSync(join(folder, name)));
}

async function inTurn<T, R>(all: readonly T[], make: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const one of all) results.push(await make(one));
  return results;
}
