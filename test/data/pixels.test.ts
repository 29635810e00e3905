import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { colourMap } from '../../data/colour.ts';
import { render } from '../../data/pixels.ts';
import { cropMap, through, turnMap } from '../../data/spatial.ts';
import { purposes, randomStream } from '../../data/random.ts';
import { madeImage } from './support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('pixels.wasm is what its source gives', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-pixels-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [committed, again] = ['data/wasm/pixels.wasm', join(folder, 'pixels.wasm')];
  const [, ...args] = scripts['build:pixels']!.replace(committed, again).split(' ');
  const compiler = join(root, 'node_modules/assemblyscript/bin/asc.js');
  await promisify(execFile)(process.execPath, [compiler, ...args], { cwd: root });
  assert.deepEqual(readFileSync(again), readFileSync(join(root, committed)));
});

/** What ../../data/wasm/pixels.ts does, a number at a time. */
function plainly(
  image: Uint8Array,
  { height, width }: { height: number; width: number },
  places: ReturnType<typeof turnMap>,
  map: Int32Array,
  size: number,
): Uint8Array {
  const fixed = (value: number): number => Math.round(value * 65536);
  const colour = (x: number, y: number, channel: number): number => {
    if (x < 0 || y < 0 || x >= width || y >= height) return 0;
    const at = (y * width + x) * 3;
    const row = map.subarray(channel * 4);
    const sum = row[0]! * image[at]! + row[1]! * image[at + 1]! + row[2]! * image[at + 2]!;
    return Math.min(255, Math.max(0, (sum + row[3]! + 32768) >> 16));
  };
  const centre = (size - 1) / 2;
  return Uint8Array.from({ length: size * size * 3 }, (_, at) => {
    const channel = at % 3;
    const column = Math.floor(at / 3) % size;
    const v = Math.floor(at / 3 / size) - centre;
    const { xx, xy, yx, yy, shiftX, shiftY } = places;
    const x = fixed(xy * v - xx * centre + centre + shiftX + 1) + column * fixed(xx) - 65536;
    const y = fixed(yy * v - yx * centre + centre + shiftY + 1) + column * fixed(yx) - 65536;
    const [left, top] = [x >> 16, y >> 16];
    const [right, down] = [(x >> 8) & 255, (y >> 8) & 255];
    const upper =
      (256 - right) * colour(left, top, channel) + right * colour(left + 1, top, channel);
    const lower =
      (256 - right) * colour(left, top + 1, channel) + right * colour(left + 1, top + 1, channel);
    return ((256 - down) * upper + down * lower + 32768) >> 16;
  });
}

test('its loops give the bytes of the formulas, at any size', () => {
  for (let number = 0; number < 60; number += 1) {
    const random = randomStream(number, purposes.augmentation);
    const [height, width] = [1 + random.below(40), 1 + random.below(40)];
    const size = 2 + random.below(40);
    const image = madeImage(number, 40).subarray(0, height * width * 3);
    const window = {
      left: random.between(-8, 8),
      top: random.between(-8, 8),
      width: random.between(1, 60),
      height: random.between(1, 60),
    };
    const turn = turnMap(random.uniform() < 0.5, random.between(-0.5, 0.5));
    const places = through(cropMap(window, size), turn);
    const change = {
      brightness: random.between(0, 2),
      contrast: random.between(0, 2),
      saturation: random.between(0, 2),
      hueTurns: random.between(-0.5, 0.5),
    };
    const map = colourMap(change, random.between(0, 255));
    const view = render({ image, height, width }, places, () => map, size);
    const expected = plainly(image, { height, width }, places, map, size);
    assert.ok(Buffer.from(view).equals(Buffer.from(expected)), `case ${number}`);
  }
});
