/** Folders and prefixes: what lies in them, and how a change shows. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { openTree } from '../../storage/trees.ts';

const names = ['cat/2.jpg', 'cat/10.jpg', 'dog/1.jpg', '.git/config', 'cat/._2.jpg'];
let folder: string;
let bucket: ObjectStore;
const options = { openBucket: async () => bucket };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-trees-'));
  bucket = openMemoryStore('datasets');
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), name);
    await bucket.put(`pets/${name}`, Buffer.from(name));
  }
  await bucket.put('petshop/3.jpg', Buffer.from('another prefix'));
  await bucket.put('pets/cat/', Buffer.alloc(0));
});
afterEach(() => rm(folder, { recursive: true }));

test('a folder and a prefix give the same files in the same order, without hidden ones', async () => {
  for (const [address, remove] of [
    [folder, () => rm(join(folder, 'cat/10.jpg'))],
    ['s3://datasets/pets/', () => bucket.delete(['pets/cat/10.jpg'])],
  ] as const) {
    const tree = (await openTree(address, options))!;
    assert.deepEqual(
      tree.files.map(({ name, size }) => [name, size]),
      [
        ['cat/10.jpg', 10],
        ['cat/2.jpg', 9],
        ['dog/1.jpg', 9],
      ],
    );
    const [first] = tree.files;
    assert.equal(Buffer.from((await tree.read(first!))!).toString(), 'cat/10.jpg');
    assert.ok(tree.addressOf(first!).endsWith('/cat/10.jpg'));
    await remove();
    assert.equal(await tree.read(first!), undefined);
  }
});

test('the digest of a listing is that of another whenever a file is', async () => {
  const digest = async (): Promise<string> =>
    (await openTree('s3://datasets/pets/', options))!.digest;
  const before = await digest();
  assert.equal(await digest(), before);
  await bucket.put('pets/dog/1.jpg', Buffer.from('dog/1.jpg'));
  const written = await digest();
  await bucket.put('pets/dog/2.jpg', Buffer.from('x'));
  assert.equal(new Set([before, written, await digest()]).size, 3);
});

test('a file is no tree, and what is neither is refused', async () => {
  assert.equal(await openTree(join(folder, 'cat/2.jpg'), options), undefined);
  assert.equal(await openTree('s3://datasets/pets/cat/2.jpg', options), undefined);
  await symlink('2.jpg', join(folder, 'cat/link.jpg'));
  await assert.rejects(
    openTree(folder, options),
    /InvalidData: .*'cat\/link\.jpg', which is no file/,
  );
});

test('more files than can be listed in seconds want a manifest', async () => {
  const list: ObjectStore['list'] = async function* () {
    for (let n = 0; n <= 100_000; n += 1) {
      yield { key: `pets/${n}.jpg`, size: 1, etag: 'e', lastModified: new Date(0) };
    }
  };
  bucket = { ...bucket, list };
  await assert.rejects(openTree('s3://datasets/pets/', options), {
    name: 'InvalidData',
    message: /holds more than 100000 files: give a manifest/,
  });
});
