/** Several workers at the same segments of one run: a race, a stalled attempt, a store that goes away. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { overlayStore } from '../support/overlay-store.ts';
import { openSegments } from '../support/segments.ts';
import type { Segments } from '../support/segments.ts';

let store: ObjectStore;
let segments: Segments;
beforeEach(async () => {
  store = openMemoryStore();
  segments = await openSegments(store);
});
afterEach(() => segments.remove());

async function undisturbedDigest(): Promise<string> {
  const alone = await openSegments();
  const worker = await alone.newWorker();
  await alone.run(worker, 0, 10);
  await alone.run(worker, 10, 20);
  const digest = await alone.digestOf(20);
  await alone.remove();
  return digest;
}

test('two workers that race through one run come to the same states, each there once', async () => {
  const [first, second] = await Promise.all([segments.newWorker(), segments.newWorker()]);
  for (const [from, to] of [
    [0, 10],
    [10, 20],
  ] as const) {
    const [one, other] = await Promise.all([
      segments.run(first, from, to),
      segments.run(second, from, to),
    ]);
    assert.deepEqual(one.checkpoint, other.checkpoint);
    assert.deepEqual(one.validation, other.validation);
  }
  await segments.settled();
  // Whether 15 is saved too hangs on how long an upload takes.
  for (const step of [5, 10, 20]) {
    assert.equal((await segments.state(step))?.generation, 0, `step ${step}`);
  }
  assert.equal(await segments.digestOf(20), await undisturbedDigest());
});

test('an attempt that stalls and commits after its successor changes nothing', async () => {
  let wake = (): void => undefined;
  const awake = new Promise<void>((resolve) => void (wake = resolve));
  const stalled = await segments.newWorker(
    overlayStore(store, {
      async put(key, bytes, options) {
        if (key.endsWith('/manifest.json')) await awake;
        return store.put(key, bytes, options);
      },
    }),
  );
  await segments.run(stalled, 0, 5);
  assert.equal(await segments.state(5), undefined);

  const successor = await segments.newWorker();
  await segments.run(successor, 0, 10);
  await segments.run(successor, 10, 20);
  const winners = await Promise.all([5, 10, 15, 20].map((step) => segments.state(step)));

  wake();
  await segments.settled();
  // It goes on as if nothing had happened, and finds all done.
  const late = await segments.run(stalled, 5, 20);
  assert.equal(late.checkpoint.step, 20);
  await segments.settled();
  assert.deepEqual(await Promise.all([5, 10, 15, 20].map((step) => segments.state(step))), winners);
  assert.equal(await segments.digestOf(20), await undisturbedDigest());
});
