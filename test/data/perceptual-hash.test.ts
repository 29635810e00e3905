import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { examineImage } from '../../data/decode.ts';
import { differenceHash } from '../../data/perceptual-hash.ts';
import { madeImage } from './support.ts';

const hashOf = async (bytes: Uint8Array): Promise<string> =>
  differenceHash((await examineImage(bytes)).thumbnail);

/** In how many of 64 bits two hashes differ. */
const distance = (a: string, b: string): number =>
  (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2).replaceAll('0', '').length;

const ramp = (level: (x: number) => number): Uint8Array =>
  Uint8Array.from({ length: 32 * 32 }, (_, at) => level(at % 32));

test('a bit says whether it gets brighter from a column to the next', () => {
  assert.equal(differenceHash(ramp((x) => 8 * x)), 'f'.repeat(16));
  assert.equal(differenceHash(ramp((x) => 255 - 8 * x)), '0'.repeat(16));
  assert.equal(differenceHash(ramp((x) => (x < 16 ? 8 * x : 8 * (31 - x)))), 'f0'.repeat(8));
});

test('an image that is smaller, packed harder or brighter keeps nearly all bits, another does not', async () => {
  const image = sharp(madeImage(3, 96), { raw: { width: 96, height: 96, channels: 3 } });
  const hash = await hashOf(await image.clone().png().toBuffer());
  for (const other of [
    image.clone().jpeg({ quality: 60 }),
    image.clone().resize(64, 64).webp(),
    image.clone().linear(0.9, 10).png(),
  ]) {
    const far = distance(hash, await hashOf(await other.toBuffer()));
    assert.ok(far <= 6, `${far} bits`);
  }
  const raw = { width: 96, height: 96, channels: 3 } as const;
  const other = await sharp(madeImage(4, 96), { raw }).png().toBuffer();
  assert.ok(distance(hash, await hashOf(other)) >= 16);
});
