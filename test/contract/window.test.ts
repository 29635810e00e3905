import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inWindow } from '../../contract/window.ts';

test('at most `width` run at once, and results keep their order', async () => {
  let running = 0;
  let most = 0;
  const results = await inWindow([5, 1, 4, 2, 3], 2, async (value) => {
    most = Math.max(most, ++running);
    await sleep(value);
    running -= 1;
    return value * 10;
  });
  assert.deepEqual(results, [50, 10, 40, 20, 30]);
  assert.equal(most, 2);
});

test('a failure starts nothing new, and is thrown once what runs has ended', async () => {
  const started: number[] = [];
  const ended: number[] = [];
  const work = async (value: number): Promise<void> => {
    started.push(value);
    await sleep(value === 1 ? 1 : 10);
    if (value === 1) throw new Error('one');
    ended.push(value);
  };
  await assert.rejects(inWindow([0, 1, 2, 3], 2, work), /one/);
  assert.deepEqual(started, [0, 1]);
  assert.deepEqual(ended, [0]);
});
