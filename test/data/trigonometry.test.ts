import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cosSin } from '../../data/trigonometry.ts';

test('cosine and sine are within 1e-13 of those of Math, over the whole circle', () => {
  for (let turns = -0.5; turns <= 0.5; turns += 1 / 4096) {
    const { cos, sin } = cosSin(turns);
    assert.ok(Math.abs(cos - Math.cos(2 * Math.PI * turns)) < 1e-13, `cos of ${turns} turns`);
    assert.ok(Math.abs(sin - Math.sin(2 * Math.PI * turns)) < 1e-13, `sin of ${turns} turns`);
  }
});
