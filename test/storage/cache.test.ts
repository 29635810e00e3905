/** The local cache: each file downloaded once, never handed out damaged, never taken away in use. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { StoredFile } from '../../contract/manifests.ts';
import { openCache } from '../../storage/cache.ts';
import { writeData } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { DamagedObject } from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';

const size = 1000;
let directory: string;
let store: ObjectStore;
/** Keys in the order of their downloads. */
let downloads: string[];
/** Ten files of 1000 bytes each. */
let files: StoredFile[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nightshift-cache-'));
  const memory = openMemoryStore();
  downloads = [];
  store = {
    ...memory,
    getToFile: (key, path, options) => {
      downloads.push(key);
      return memory.getToFile(key, path, options);
    },
  };
  files = await writeData(
    store,
    '',
    Array.from({ length: 10 }, (_, n) => ({ name: `file-${n}`, bytes: Buffer.alloc(size, n) })),
  );
});
afterEach(() => rm(directory, { recursive: true }));

const open = (maxBytes = 100 * size) => openCache({ directory, maxBytes });
const entries = async (): Promise<string[]> => (await readdir(join(directory, 'files'))).toSorted();
const hashesOf = (...numbers: number[]) => numbers.map((n) => files[n]!.sha256).toSorted();
/** Sets when an entry was last used: file n at second n. */
async function ageEntries(): Promise<void> {
  for (const [n, { sha256 }] of files.entries()) {
    await utimes(join(directory, 'files', sha256), n, n).catch(() => undefined);
  }
}

test('a file is downloaded once, also when many ask at the same time', async () => {
  const cache = await open();
  const held = await Promise.all(Array.from({ length: 8 }, () => cache.fetch(files[3]!, store)));
  for (const { path } of held) assert.deepEqual(await readFile(path), Buffer.alloc(size, 3));
  await cache.fetch(files[3]!, store);
  assert.deepEqual(downloads, ['file-3']);
});

test('a file that another process fetched is not downloaded again', async () => {
  await (await open()).fetch(files[0]!, store);
  await (await open()).fetch(files[0]!, store);
  assert.deepEqual(downloads, ['file-0']);
});

test('beyond maxBytes the least recently used go', async () => {
  const cache = await open(3 * size);
  for (const n of [0, 1, 2]) await (await cache.fetch(files[n]!, store)).release();
  await ageEntries();
  await (await cache.fetch(files[0]!, store)).release(); // used just now
  await (await cache.fetch(files[3]!, store)).release();
  assert.deepEqual(await entries(), hashesOf(0, 2, 3));
});

test('what is in use stays, whoever uses it', async () => {
  const [one, another] = [await open(2 * size), await open(2 * size)];
  const held = await one.fetch(files[0]!, store);
  await ageEntries();
  for (const n of [1, 2, 3]) await (await another.fetch(files[n]!, store)).release();
  assert.deepEqual(await entries(), hashesOf(0, 3));
  assert.deepEqual(await readFile(held.path), Buffer.alloc(size, 0));
  await held.release();
  await (await another.fetch(files[4]!, store)).release();
  assert.deepEqual(await entries(), hashesOf(3, 4));
});

test('a damaged entry is fetched again', async () => {
  const cache = await open();
  await (await cache.fetch(files[5]!, store)).release();
  await writeFile(join(directory, 'files', files[5]!.sha256), 'damaged');
  const { path } = await cache.fetch(files[5]!, store);
  assert.deepEqual(await readFile(path), Buffer.alloc(size, 5));
  assert.deepEqual(downloads, ['file-5', 'file-5']);
});

test('other bytes in the store than the manifest says are DamagedObject, and leave nothing', async () => {
  const cache = await open();
  await store.put('file-6', Buffer.alloc(size, 0xff));
  await assert.rejects(cache.fetch(files[6]!, store), DamagedObject);
  assert.deepEqual(await entries(), []);
  await store.put('file-6', Buffer.alloc(size, 6));
  const { path } = await cache.fetch(files[6]!, store);
  assert.deepEqual(await readFile(path), Buffer.alloc(size, 6));
});

test('one who gives up waiting does not spoil it for the others', async () => {
  const cache = await open();
  const hurried = new AbortController();
  const slow: ObjectStore = {
    ...store,
    getToFile: async (key, path, options) => {
      hurried.abort(new Error('no more time'));
      options?.signal?.throwIfAborted();
      return store.getToFile(key, path, options);
    },
  };
  const [first, second] = await Promise.allSettled([
    cache.fetch(files[7]!, slow, { signal: hurried.signal }),
    cache.fetch(files[7]!, slow),
  ]);
  assert.equal(first.status, 'rejected');
  assert.equal(second.status, 'fulfilled');
});

test('what a killed process held is let go at the next opening', async () => {
  const { pid } = spawnSync('true');
  const left = join(directory, 'in-use', `${pid}-of-a-dead-process`);
  await mkdir(left, { recursive: true });
  await writeFile(join(left, 'half'), 'half a download');
  const alive = await open();
  const held = await alive.fetch(files[8]!, store);
  await open();
  await assert.rejects(stat(left), { code: 'ENOENT' });
  assert.deepEqual(await readFile(held.path), Buffer.alloc(size, 8));
  await alive.close();
  await assert.rejects(stat(held.path), { code: 'ENOENT' });
});
