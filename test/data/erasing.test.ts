import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import { drawErasing, erase } from '../../data/erasing.ts';
import { purposes, randomStream } from '../../data/random.ts';

const { erasing } = configSchema.parse({ augment: { erasing: {} } }).augment;
const size = 50;

/** The pixels that were erased from a black view, and the colours they have. */
function erased(number: number): { pixels: number[]; colours: Set<string> } {
  const view = new Uint8Array(size * size * 3);
  const draw = drawErasing(randomStream(number, purposes.augmentation));
  erase(view, size, { ...erasing!, probability: 1 }, { ...draw, colour: [9, 8, 7] });
  const pixels = Array.from({ length: size * size }, (_, at) => at).filter(
    (at) => view[at * 3] !== 0,
  );
  const colours = new Set(pixels.map((at) => view.subarray(at * 3, at * 3 + 3).join()));
  return { pixels, colours };
}

test('a rectangle of the area and ratio asked for becomes one colour', () => {
  const shares: number[] = [];
  for (let number = 0; number < 300; number += 1) {
    const { pixels, colours } = erased(number);
    assert.deepEqual([...colours], ['9,8,7']);
    const columns = pixels.map((at) => at % size);
    const rows = pixels.map((at) => Math.floor(at / size));
    const width = Math.max(...columns) - Math.min(...columns) + 1;
    const height = Math.max(...rows) - Math.min(...rows) + 1;
    assert.equal(pixels.length, width * height);
    assert.ok(width / height > 0.2 && width / height < 4.5, `${width} x ${height}`);
    shares.push(pixels.length / size ** 2);
  }
  assert.ok(Math.min(...shares) > 0.01 && Math.min(...shares) < 0.04, `${Math.min(...shares)}`);
  assert.ok(Math.max(...shares) < 0.36 && Math.max(...shares) > 0.3, `${Math.max(...shares)}`);
});

test('as many views are left whole as the probability says', () => {
  let whole = 0;
  for (let number = 0; number < 1000; number += 1) {
    const view = new Uint8Array(size * size * 3).fill(1);
    const draw = drawErasing(randomStream(number, purposes.augmentation));
    erase(view, size, erasing!, { ...draw, colour: [0, 0, 0] });
    if (view.every((value) => value === 1)) whole += 1;
  }
  assert.ok(Math.abs(whole - 750) < 60, String(whole));
});
