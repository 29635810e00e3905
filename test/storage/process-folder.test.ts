import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openProcessFolder } from '../../storage/process-folder.ts';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'nightshift-folders-'))));
afterEach(() => rm(root, { recursive: true }));

async function folderOf(pid: number): Promise<string> {
  const path = join(root, `${pid}-a-process`);
  await mkdir(path);
  return path;
}

test('the folder of a process that is no more is found, that of a live one is not', async (t) => {
  const live = spawn('sleep', ['60']);
  t.after(() => live.kill());
  await folderOf(live.pid!);
  const dead = await folderOf(spawnSync('true').pid);
  assert.deepEqual((await openProcessFolder(root)).left, [dead]);
});

test('two of one process are both its own', async () => {
  const first = await openProcessFolder(root);
  const second = await openProcessFolder(root);
  assert.notEqual(first.path, second.path);
  assert.deepEqual(second.left, []);
});

test('a folder of our own id from before we began is of a process that is no more', async () => {
  const former = await folderOf(process.pid);
  await utimes(former, 1, 1);
  assert.deepEqual((await openProcessFolder(root)).left, [former]);
});
