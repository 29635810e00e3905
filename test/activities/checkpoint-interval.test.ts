import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpointInterval, checkpointSteps } from '../../activities/checkpoint-interval.ts';

const auto = { checkpointEverySeconds: 'auto' } as const;

test('saving costs at most 1 % of the time, an upload counting twice', () => {
  assert.equal(checkpointInterval(auto, { stallSeconds: 0.5, uploadSeconds: 1 }), 250);
  assert.equal(checkpointInterval(auto, { stallSeconds: 0.02, uploadSeconds: 0.02 }), 6);
});

test('what a crash can lose is at most ten minutes, whatever saving costs', () => {
  assert.equal(checkpointInterval(auto, { stallSeconds: 20, uploadSeconds: 100 }), 600);
});

test('a state is saved earlier by what its upload takes, so that no crash loses more than is set', () => {
  const stallSeconds = 0.1;
  const every = (seconds: number, uploadSeconds: number): number =>
    checkpointInterval({ checkpointEverySeconds: seconds }, { stallSeconds, uploadSeconds });
  assert.equal(every(7, 1), 6);
  assert.equal(every(7, 30), 3.5);
  assert.equal(checkpointSteps(20, 3.5), 16);
  assert.equal(checkpointSteps(20, 100), 10);
});

test('while nobody knows how long an upload takes, half of the interval is left for it', () => {
  assert.equal(checkpointSteps(20), 10);
  assert.equal(checkpointSteps(5), 3);
});
