import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { diskFinding, gpuFinding, packagesFinding } from '../../../cli/doctor/machine.ts';

const disk = (freeGiB: number) =>
  diskFinding({ stateDirectory: '/state', cacheBytes: 20 * 2 ** 30 }, freeGiB * 2 ** 30);

test('a disk without room for a run fails, one that the cache could fill is warned of', () => {
  assert.equal(disk(1).status, 'fail');
  const narrow = disk(12);
  assert.equal(narrow.status, 'warn');
  assert.match(narrow.found, /^12\.0 GiB free for \/state, .+ the shard cache 20$/);
  assert.match(narrow.remedy!, /NIGHTSHIFT_CACHE_GIB below 10/);
  assert.equal(disk(23).status, 'ok');
});

test('a GPU that TensorFlow does not see is a warning, and a failure where one is required', () => {
  const gpu = (isThere: boolean, isSeen: boolean, isRequired: boolean) =>
    gpuFinding({ isThere, isSeen, isRequired }).status;
  assert.equal(gpu(true, true, true), 'ok');
  assert.equal(gpu(true, false, false), 'warn');
  assert.equal(gpu(true, false, true), 'fail');
  assert.equal(gpu(false, false, false), 'ok');
  assert.equal(gpu(false, false, true), 'fail');
});

test('a package of another version, or none, is named with the version that is expected', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'nightshift-doctor-'));
  t.after(() => rm(root, { recursive: true }));
  const dependencies = { one: '1.0.0', two: '2.0.0', '@temporalio/client': '3.0.0' };
  await writeFile(join(root, 'package.json'), JSON.stringify({ dependencies }));
  for (const [name, version] of [
    ['one', '1.0.0'],
    ['@temporalio/client', '3.1.0'],
  ] as const) {
    const folder = join(root, 'node_modules', name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ version }));
  }
  assert.deepEqual(packagesFinding(root), {
    check: 'packages',
    status: 'fail',
    found: 'two is not there, expected 2.0.0; @temporalio/client 3.1.0, expected 3.0.0',
    remedy: 'run `npm ci`',
  });
});
