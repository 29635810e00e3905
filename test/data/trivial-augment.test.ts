import assert from 'node:assert/strict';
import { test } from 'node:test';
import { purposes, randomStream } from '../../data/random.ts';
import { drawOperation, operationOf } from '../../data/trivial-augment.ts';

const draws = Array.from({ length: 7000 }, (_, number) =>
  drawOperation(randomStream(number, purposes.augmentation)),
);

test('each of the 14 operations comes as often, at 31 strengths, in both directions', () => {
  for (let rule = 0; rule < 14; rule += 1) {
    const count = draws.filter((draw) => draw.rule === rule).length;
    assert.ok(Math.abs(count - 500) < 100, `${rule}: ${count}`);
  }
  const strengths = [...new Set(draws.map(({ strength }) => strength))];
  assert.deepEqual(
    strengths.toSorted((a, b) => a - b),
    Array.from({ length: 31 }, (_, bin) => bin / 30),
  );
  const forward = draws.filter(({ sign }) => sign === 1).length;
  assert.ok(Math.abs(forward - 3500) < 200, String(forward));
});

test('the strongest are those of the wide space', () => {
  const strongest = Array.from({ length: 14 }, (_, rule) =>
    operationOf({ rule, strength: 1, sign: -1 }, 32),
  );
  assert.deepEqual(strongest[0], {});
  assert.deepEqual([strongest[1]!.spatial!.xy, strongest[2]!.spatial!.yx], [-0.99, -0.99]);
  assert.deepEqual([strongest[3]!.spatial!.shiftX, strongest[4]!.spatial!.shiftY], [-32, -32]);
  assert.ok(Math.abs(strongest[5]!.spatial!.xx - Math.cos((135 / 180) * Math.PI)) < 1e-12);
  const factors = strongest.slice(6, 9).map(({ colour }) => colour);
  assert.deepEqual(
    factors.map((colour) => Object.entries(colour!)[0]![0]),
    ['brightness', 'saturation', 'contrast'],
  );
  for (const colour of factors) assert.ok(Math.abs(Object.values(colour!)[0]! - 0.01) < 1e-12);
  const posterized = Uint8Array.of(255, 255, 255);
  strongest[10]!.retouch!(posterized, 1);
  assert.deepEqual([...posterized], [192, 192, 192]);
  const solarized = Uint8Array.of(0, 1, 255);
  strongest[11]!.retouch!(solarized, 1);
  assert.deepEqual([...solarized], [255, 254, 0]);
});

test('the weakest of those with a sign change nothing', () => {
  for (const rule of [1, 2, 3, 4, 5]) {
    const { xx, xy, yx, yy, shiftX, shiftY } = operationOf(
      { rule, strength: 0, sign: 1 },
      32,
    ).spatial!;
    assert.deepEqual([xx, xy, yx, yy, shiftX, shiftY].map(Math.abs), [1, 0, 0, 1, 0, 0]);
  }
});
