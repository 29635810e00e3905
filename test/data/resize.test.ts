import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resizeImage } from '../../data/resize.ts';
import { madeImage } from './support.ts';

test('an image of the right size is passed on', async () => {
  const image = madeImage(0);
  assert.equal(await resizeImage(image, 32, 32), image);
});

test('a plain colour keeps its value, up and down', async () => {
  const image = new Uint8Array(32 * 32 * 3).map((_, at) => [10, 120, 250][at % 3]!);
  for (const size of [16, 48, 224]) {
    const resized = await resizeImage(image, 32, size);
    assert.equal(resized.length, size * size * 3);
    assert.ok(resized.every((value, at) => value === [10, 120, 250][at % 3]));
  }
});
