import assert from 'node:assert/strict';
import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openUploads } from '../../activities/uploads.ts';
import type { SavedCheckpoint } from '../../model/checkpoint.ts';

async function savedState(step: number): Promise<SavedCheckpoint> {
  const directory = await mkdtemp(join(tmpdir(), 'nightshift-upload-'));
  return { checkpoint: { run: 'run', lineage: 'l', step }, parent: null, directory };
}

test('states go up in order, one at a time, and their folders are deleted', async () => {
  const uploads = openUploads();
  const order: string[] = [];
  const states = [await savedState(1), await savedState(2)];
  for (const saved of states) {
    const { step } = saved.checkpoint;
    uploads.add(saved, async () => {
      order.push(`begin ${step}`);
      await new Promise(setImmediate);
      order.push(`end ${step}`);
    });
  }
  await uploads.settled('run');
  assert.deepEqual(order, ['begin 1', 'end 1', 'begin 2', 'end 2']);
  assert.equal(uploads.durable('run')?.step, 2);
  for (const { directory } of states) await assert.rejects(stat(directory), { code: 'ENOENT' });
});

test('a failed upload is tried again before its successor, and throws when it fails again', async () => {
  const uploads = openUploads();
  const order: string[] = [];
  const [first, second] = [await savedState(1), await savedState(2)];
  let faults = 2;
  uploads.add(first, async () => {
    order.push('1');
    if (faults-- > 0) throw new Error('store is away');
  });
  uploads.add(second, async () => void order.push('2'));
  await assert.rejects(uploads.settled('run'), /store is away/);
  assert.equal(uploads.durable('run'), undefined);
  await uploads.settled('run');
  assert.deepEqual(order, ['1', '1', '1', '2']);
  assert.equal(uploads.durable('run')?.step, 2);
});

const isThere = async ({ directory }: SavedCheckpoint): Promise<boolean> =>
  stat(directory).then(
    () => true,
    () => false,
  );

test('a state that is held goes up before the next one, unless it is kept no more by then', async () => {
  const uploads = openUploads();
  const order: number[] = [];
  const states = [await savedState(1), await savedState(2), await savedState(3)];
  const commitOf =
    ({ checkpoint }: SavedCheckpoint) =>
    async () =>
      void order.push(checkpoint.step);
  const [first, second, third] = states as [SavedCheckpoint, SavedCheckpoint, SavedCheckpoint];
  uploads.hold(first, commitOf(first), () => true);
  uploads.hold(second, commitOf(second), (step) => step > 1);
  await uploads.settled('run', 1);
  assert.deepEqual(order, []);
  uploads.add(third, commitOf(third));
  await uploads.settled('run');
  assert.deepEqual(order, [2, 3]);
  assert.deepEqual(await Promise.all(states.map(isThere)), [false, false, false]);
});

test('whoever wants all of a run in the store has what is held there too', async () => {
  const uploads = openUploads();
  uploads.hold(
    await savedState(1),
    async () => undefined,
    () => true,
  );
  await uploads.settled('run');
  assert.equal(uploads.durable('run')?.step, 1);
  uploads.hold(
    await savedState(2),
    async () => undefined,
    () => true,
  );
  await uploads.drained(60_000);
  assert.equal(uploads.durable('run')?.step, 2);
});

test('a held state that is saved again goes up once', async () => {
  const uploads = openUploads();
  const [held, again] = [await savedState(1), await savedState(1)];
  uploads.hold(
    held,
    () => Promise.reject(new Error('not this one')),
    () => true,
  );
  uploads.add(again, async () => undefined);
  await uploads.settled('run');
  assert.equal(await isThere(held), false);
});

test('who lets some states wait does not wait for them', async () => {
  const uploads = openUploads();
  uploads.add(await savedState(1), () => new Promise(() => undefined));
  await uploads.settled('run', 1);
});

test('a run with nothing to upload is settled', async () => {
  await openUploads().settled('another run');
});

test('at the end of a process all runs are waited for, but not for ever', async () => {
  const uploads = openUploads();
  const order: string[] = [];
  uploads.add(await savedState(1), async () => {
    await sleep(20);
    order.push('up');
  });
  await uploads.drained(60_000);
  assert.deepEqual(order, ['up']);
  uploads.add(await savedState(2), () => new Promise(() => undefined));
  await uploads.drained(20);
  assert.equal(uploads.durable('run')?.step, 1);
});

test('a clock that is set does not change the age of what is durable', async (t) => {
  const uploads = openUploads();
  uploads.ageSeconds('run');
  for (const jumpMs of [-3_600_000, 3_600_000]) {
    const now = Date.now() + jumpMs;
    t.mock.method(Date, 'now', () => now);
    const seconds = uploads.ageSeconds('run');
    assert.ok(seconds >= 0 && seconds < 60, `${seconds} s`);
    uploads.add(await savedState(1), async () => undefined);
    await uploads.settled('run');
    t.mock.restoreAll();
    assert.ok(uploads.ageSeconds('run') >= 0 && uploads.ageSeconds('run') < 60);
  }
});
