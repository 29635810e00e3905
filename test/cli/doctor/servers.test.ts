/** What `doctor` says of servers, real ones. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { clockFinding, storeFindings } from '../../../cli/doctor/store.ts';
import { targetOf } from '../../../cli/doctor/target.ts';
import { temporalFindings } from '../../../cli/doctor/temporal.ts';
import { main } from '../../../cli/main.ts';
import { startTestS3, startTestTemporal } from '../../support/servers.ts';
import type { TestS3 } from '../../support/servers.ts';
import { openClone } from '../support.ts';

let s3: TestS3;
let temporal: Awaited<ReturnType<typeof startTestTemporal>>;
before(async () => {
  [s3, temporal] = await Promise.all([startTestS3(), startTestTemporal()]);
});
after(() => Promise.all([s3.stop(), temporal.stop()]));

/** The environment that names both servers, until the test is over. */
function nameServers(t: TestContext, change: Record<string, string> = {}): void {
  const variables = {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: 'default',
    AWS_ENDPOINT_URL_S3: s3.address,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    ...change,
  };
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  t.after(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

async function statuses(findings: AsyncIterable<Finding>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { check, status } of findings) found[check] = status;
  return found;
}

/** What is found of the servers that the environment names. */
async function lookAt(which: 'temporal' | 'store'): Promise<Record<string, string>> {
  const { settings, servers } = await targetOf('/nowhere');
  return statuses(
    which === 'temporal' ? temporalFindings(servers!) : storeFindings(settings, undefined),
  );
}

test('a server without workers is well, and runs would wait', async (t) => {
  nameServers(t);
  assert.deepEqual(await lookAt('temporal'), {
    temporal: 'ok',
    namespace: 'ok',
    'cpu workers': 'warn',
    'gpu workers': 'warn',
  });
});

test('a namespace that there is not fails, and a server that is away', async (t) => {
  nameServers(t, { TEMPORAL_NAMESPACE: 'nights' });
  assert.deepEqual(await lookAt('temporal'), { temporal: 'ok', namespace: 'fail' });
  process.env['TEMPORAL_ADDRESS'] = '127.0.0.1:1';
  assert.deepEqual(await lookAt('temporal'), { temporal: 'fail' });
});

test('a bucket is used and its conditions tried, and nothing is left in it', async (t) => {
  const { bucket } = await s3.openStore();
  nameServers(t, { NIGHTSHIFT_BUCKET: bucket });
  assert.deepEqual(await lookAt('store'), {
    store: 'ok',
    clock: 'ok',
    credentials: 'ok',
    bucket: 'ok',
    'conditional writes': 'ok',
  });
  const left = await readdir(join(s3.directory, bucket), { recursive: true });
  assert.deepEqual(
    left.filter((name) => !name.startsWith('.sgwtmp')),
    [],
  );
});

test('a bucket that is not there yet is made by a worker, and not by doctor', async (t) => {
  nameServers(t, { NIGHTSHIFT_BUCKET: 'not-there-yet' });
  const { bucket } = await lookAt('store');
  assert.equal(bucket, 'warn');
  assert.ok(!(await readdir(s3.directory)).includes('not-there-yet'));
});

test('a store that is away fails, with its address', async (t) => {
  nameServers(t, { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' });
  assert.deepEqual(await lookAt('store'), { store: 'fail' });
});

test('doctor ends with 1 on a failure, in JSON too, and prints no secret', async (t) => {
  const secrets = { AWS_SECRET_ACCESS_KEY: 'a-wrong-secret', TEMPORAL_API_KEY: 'a-wrong-key' };
  nameServers(t, secrets);
  const { cli, out, err } = await openClone(t);
  assert.equal(await main(['doctor', '--json'], cli), 1);
  const findings = JSON.parse(out.text()) as Finding[];
  assert.deepEqual(
    findings.filter(({ status }) => status === 'fail').map(({ check }) => check),
    ['temporal', 'credentials'],
  );
  assert.equal(await main(['doctor'], cli), 1);
  assert.match(out.text(), /^fail {2}credentials .+; set AWS_ACCESS_KEY_ID/m);
  const printed = out.text() + err.text();
  for (const secret of Object.values(secrets)) assert.ok(!printed.includes(secret));
});

test('of a clone whose servers are not up it says what to run, and ends with 0', async (t) => {
  const { cli, out } = await openClone(t);
  assert.equal(await main(['doctor'], cli), 0);
  assert.match(out.lines().at(-1)!, /^warn {2}servers .+`npm run dev` starts them/);
});

test('a wrong variable is named', async (t) => {
  nameServers(t, { NIGHTSHIFT_CACHE_GIB: 'much' });
  const { cli, out } = await openClone(t);
  assert.equal(await main(['doctor'], cli), 1);
  assert.match(out.text(), /^fail {2}settings .+NIGHTSHIFT_CACHE_GIB=much/);
});

test('a clock counts as right within what a whole second and the way there leave open', () => {
  const status = (serverAt: number) => clockFinding(serverAt, 100_500, 100_700).status;
  assert.equal(status(99_000), 'ok');
  assert.equal(status(100_000), 'ok');
  assert.equal(status(101_000), 'ok');
  assert.equal(status(131_000), 'warn');
  assert.equal(status(100_000 - 20 * 60_000), 'fail');
  assert.match(clockFinding(131_000, 100_500, 100_700).found, /^31 s behind the store's/);
  assert.equal(clockFinding(undefined, 0, 0).status, 'warn');
});
