/** What a worker's process keeps on disk: its own while it lives, and what it may leave to the next. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { openDataServices } from '../../workers/services.ts';
import { readSettings } from '../../workers/settings.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';

let s3: TestS3;
let state: string;
before(async () => {
  s3 = await startTestS3();
  process.env['AWS_ACCESS_KEY_ID'] = s3.credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.credentials.secretAccessKey;
});
after(() => s3.stop());
beforeEach(async () => void (state = await mkdtemp(join(tmpdir(), 'nightshift-state-'))));
afterEach(() => rm(state, { recursive: true }));

const open = () =>
  openDataServices(readSettings({ NIGHTSHIFT_STATE: state, AWS_ENDPOINT_URL_S3: s3.address }));

/** What a killed process left below one of the state's folders. */
async function leftIn(kind: string, name: string, files: Record<string, string>): Promise<void> {
  const folder = join(state, kind, `${spawnSync('true').pid}-killed`, name);
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
}

test("a killed process's scratch is removed, its downloads go on in the next one", async () => {
  await leftIn('scratch', 'state-1', { variables: 'a gigabyte' });
  await leftIn('downloads', 'one', { 'source.part': 'half of it' });
  const services = await open();
  assert.equal((await readdir(join(state, 'scratch'))).length, 1);
  assert.equal((await readdir(join(state, 'downloads'))).length, 1);
  const part = await readFile(join(services.downloads, 'one/source.part'), 'utf8');
  assert.equal(part, 'half of it');
  await services.close();
});

test('of two that were left one goes on, and with its own validator', async () => {
  for (const version of ['v1', 'v2']) {
    await leftIn('downloads', 'one', { 'source.part': version, 'source.part.json': version });
  }
  const { downloads, close } = await open();
  const read = (name: string) => readFile(join(downloads, 'one', name), 'utf8');
  assert.equal(await read('source.part'), await read('source.part.json'));
  await close();
});

test('what a process made is gone when it ends, but for a download broken off', async () => {
  const services = await open();
  await writeFile(join(services.scratch, 'shard'), 'bytes');
  await services.close();
  for (const kind of ['scratch', 'downloads', 'cache/in-use']) {
    assert.deepEqual(await readdir(join(state, kind)), [], kind);
  }
  const stopped = await open();
  await mkdir(join(stopped.downloads, 'one'));
  await stopped.close();
  assert.deepEqual(await readdir(stopped.downloads), ['one']);
});
