/** The embedded servers beside strangers and in a user's environment. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { localEnvironment, quietSdk } from '../../infra/local/environment.ts';
import { end, isAlive, signal } from '../../infra/local/process-identity.mjs';
import type { ProcessIdentity } from '../../infra/local/process-identity.mjs';
import { startS3, startTemporal } from '../../infra/local/servers.ts';
import { setUp } from '../../infra/local/setup.mjs';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-servers-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function s3Settings() {
  const { versitygw: binary } = await setUp();
  return { binary, directory: await mkdtemp(join(folder, 's3-')), accessKey: 'a', secretKey: 'b' };
}

test("a stranger's answer on the port is not taken for the server's", async () => {
  const stranger = createServer((_, response) => response.end('hello'));
  await new Promise<void>((done) => stranger.listen(0, '127.0.0.1', done));
  const { port } = stranger.address() as AddressInfo;
  await assert.rejects(
    startS3({ ...(await s3Settings()), port, log: join(folder, 's3.log') }),
    /^Error: versitygw ended before it answered on 127\.0\.0\.1:\d+: ".*address already in use.*", see .*s3\.log$/,
  );
  stranger.close();
});

test('a server is known from the moment it is started', async () => {
  let known: ProcessIdentity | undefined;
  const starting = startS3({
    ...(await s3Settings()),
    onSpawn: (started) => {
      known = started;
      assert.ok(isAlive(started));
    },
  });
  const server = await starting;
  assert.deepEqual(server.process, known);
  await server.stop();
});

test('servers that are stopped by a signal do not answer, and within seconds', async () => {
  const { temporal: binary } = await setUp();
  const servers = await Promise.all([startTemporal({ binary }), startS3(await s3Settings())]);
  assert.deepEqual(await Promise.all(servers.map((server) => server.answers())), [true, true]);
  for (const server of servers) signal(server.process, 'SIGSTOP');
  const silence = servers.map(async (server) => {
    // The signal is under way for a moment, in which a thread may still answer.
    while (await server.answers());
    return true;
  });
  const tooLong = sleep(12_000, 'still answers', { ref: false });
  assert.deepEqual(await Promise.race([Promise.all(silence), tooLong]), [true, true]);
  await Promise.all(servers.map((server) => end(server.process, 0)));
});

test("the stack's processes get none of the user's settings for other servers", () => {
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_PROFILE: 'work',
    AWS_SESSION_TOKEN: 'token',
    TEMPORAL_API_KEY: 'key',
    TEMPORAL_ADDRESS: 'cloud:7233',
    VGW_PORT: '1',
    ROOT_ACCESS_KEY_ID: 'other',
    NIGHTSHIFT_DATA_SLOTS: '1',
    NO_PROXY: 'internal',
  });
  delete process.env['no_proxy'];
  try {
    const environment = localEnvironment({ TEMPORAL_ADDRESS: '127.0.0.1:7233' });
    const foreign = Object.entries(environment).filter(
      ([name, value]) =>
        /^(AWS|TEMPORAL|VGW|ROOT)_/.test(name) && value !== '/nonexistent' && !(name in quietSdk),
    );
    assert.deepEqual(foreign, [['TEMPORAL_ADDRESS', '127.0.0.1:7233']]);
    assert.equal(environment['NIGHTSHIFT_DATA_SLOTS'], '1');
    assert.equal(environment['PATH'], process.env['PATH']);
    for (const name of ['no_proxy', 'NO_PROXY']) {
      assert.equal(environment[name], 'internal,localhost,127.0.0.1,::1');
    }
  } finally {
    process.env = before;
  }
});

test('a process of the stack that opens a store says nothing of the Node it runs on, but of other things', () => {
  const script = `new (await import('@aws-sdk/client-s3')).S3Client({}); process.emitWarning('another');`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: localEnvironment({}),
    encoding: 'utf8',
  });
  assert.match(stderr, /Warning: another/);
  assert.doesNotMatch(stderr, /NodeVersionSupportWarning/);
});
