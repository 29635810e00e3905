import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpointInterval } from '../../activities/checkpoint-interval.ts';

const auto = { checkpointEverySeconds: 'auto' } as const;

test('saving costs at most 1 % of the time, an upload counting half', () => {
  assert.equal(checkpointInterval(auto, { stallSeconds: 0.5, uploadSeconds: 1 }), 100);
  assert.equal(checkpointInterval(auto, { stallSeconds: 0.02, uploadSeconds: 0.02 }), 3);
});

test('what a crash can lose is at most ten minutes, whatever saving costs', () => {
  assert.equal(checkpointInterval(auto, { stallSeconds: 20, uploadSeconds: 100 }), 600);
});

test('an interval that is set is the interval', () => {
  assert.equal(checkpointInterval({ checkpointEverySeconds: 7 }, undefined), 7);
});
