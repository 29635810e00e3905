/** A trainer that wants shards, and the parent that brings them: a process's messages, without the process. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { StoredFile } from '../../contract/manifests.ts';
import { bringWanted, openWantedShards } from '../../model/wanted-shards.ts';
import type { FetchFile } from '../../model/wanted-shards.ts';
import { DamagedObject } from '../../storage/store.ts';

const shard = { name: 'a', key: 'stages/a', size: 1, sha256: 'a'.repeat(64), samples: 5 };

/** Both sides; `held`: what the parent holds. */
function connect(fetch: (file: StoredFile, signal: AbortSignal) => Promise<string>) {
  const held: string[] = [];
  const child = Object.assign(new EventEmitter(), {
    connected: true,
    send: (message: Parameters<typeof trainer.take>[0]) => trainer.take(message),
  });
  const trainer = openWantedShards((message) => void child.emit('message', message));
  const cached: FetchFile = async (file, signal) => {
    const path = await fetch(file, signal);
    held.push(path);
    return { path, release: async () => void held.splice(held.indexOf(path), 1) };
  };
  bringWanted(child as unknown as ChildProcess, cached);
  return { trainer, child, held };
}

test('a stored shard is brought as a local file, held until it was read', async () => {
  const { trainer, held } = connect(async ({ key }) => `/cache/${key}`);
  const file = await trainer.of([shard])(0);
  assert.equal(file.path, '/cache/stages/a');
  assert.deepEqual(held, ['/cache/stages/a']);
  file.release();
  assert.deepEqual(held, []);
});

test('a local shard is asked of nobody', async () => {
  const { trainer } = connect(async () => assert.fail('it is there'));
  assert.equal((await trainer.of([{ path: '/local', samples: 1 }])(0)).path, '/local');
});

test('a shard that is gone fails by the type of its failure', async () => {
  const { trainer } = connect(async ({ key }) => {
    throw new DamagedObject({ bucket: 'b', key }, 'is missing');
  });
  await assert.rejects(trainer.of([shard])(0), {
    name: 'DamagedObject',
    message: 's3://b/stages/a: is missing',
  });
});

test('when the process ends all is let go of, and what is under way is broken off', async () => {
  let broken = false;
  const { trainer, child, held } = connect(
    ({ key }, signal) =>
      new Promise((resolve, reject) => {
        if (key === shard.key) return resolve('/cache/a');
        signal.addEventListener('abort', () => {
          broken = true;
          reject(signal.reason as Error);
        });
      }),
  );
  const fetch = trainer.of([shard, { ...shard, key: 'stages/b' }]);
  await fetch(0);
  void fetch(1);
  child.connected = false;
  child.emit('close');
  await turn();
  assert.ok(broken);
  assert.deepEqual(held, []);
});
