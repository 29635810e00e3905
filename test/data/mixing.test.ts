import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawMixing, unmixed } from '../../data/mixing.ts';
import type { Mixing, MixingSettings } from '../../data/mixing.ts';

const size = 16;
const draw = (settings: MixingSettings, step: number, part = 0, images = 8): Mixing =>
  drawMixing(settings, { seed: 3, step, part, images, size });
const draws = (settings: MixingSettings, count: number): Mixing[] =>
  Array.from({ length: count }, (_, step) => draw(settings, step));

const isCut = ({ weights }: Mixing): boolean => weights.every((one) => one === 0 || one === 1);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / values.length;

test('a batch is mixed by a function of seed, step and part alone', () => {
  const settings = { mixup: 0.2, cutmix: 1 };
  assert.deepEqual(draw(settings, 4), draw(settings, 4));
  assert.notDeepEqual(draw(settings, 4), draw(settings, 5));
  assert.notDeepEqual(draw(settings, 4), draw(settings, 4, 1));
});

for (const alpha of [0.1, 0.2, 0.8, 1, 2, 5]) {
  test(`the shares of mixup are those of Beta(${alpha}, ${alpha})`, () => {
    const shares = draws({ mixup: alpha }, 4_000).map(({ kept }) => kept);
    const centre = mean(shares);
    const variance = mean(shares.map((share) => (share - centre) ** 2));
    const expected = 1 / (4 * (2 * alpha + 1));
    assert.ok(Math.abs(centre - 0.5) < 4 * Math.sqrt(expected / shares.length), `mean ${centre}`);
    assert.ok(Math.abs(variance / expected - 1) < 0.1, `variance ${variance}, not ${expected}`);
  });
}

test('mixup takes one share for all pixels, and the label goes by it', () => {
  for (const { weights, kept } of draws({ mixup: 0.8 }, 50)) {
    assert.ok(weights.every((one) => one === weights[0]));
    assert.ok(Math.abs(weights[0]! - kept) < 1e-7);
  }
});

test('cutmix takes a box, and the label goes by what it covers', () => {
  const covered = draws({ cutmix: 1 }, 400).map((mixing) => {
    assert.ok(isCut(mixing));
    const taken = [...mixing.weights.entries()].filter(([, one]) => one === 0).map(([at]) => at);
    const columns = new Set(taken.map((at) => at % size));
    const rows = new Set(taken.map((at) => Math.floor(at / size)));
    assert.equal(taken.length, columns.size * rows.size);
    assert.equal(mixing.kept, 1 - taken.length / size ** 2);
    return taken.length;
  });
  assert.ok(covered.some((count) => count === 0) && covered.some((count) => count > 128));
});

test('with both, either is as likely', () => {
  const cut = draws({ mixup: 0.8, cutmix: 1 }, 1_000).filter(isCut).length;
  assert.ok(Math.abs(cut - 500) < 65, `${cut} of 1000`);
});

test('each image of a batch is the partner of one', () => {
  const { partners } = draw({ mixup: 0.2 }, 0, 0, 50);
  assert.deepEqual(
    [...partners].toSorted((a, b) => a - b),
    [...Array(50).keys()],
  );
  assert.notDeepEqual([...partners], [...Array(50).keys()]);
});

test('unmixed, every image is its own partner and keeps all', () => {
  const { partners, weights, kept } = unmixed(3, 2);
  assert.deepEqual([[...partners], [...weights], kept], [[0, 1, 2], [1, 1, 1, 1], 1]);
});
