/** The clone's own stack, with real servers and small workers. */
import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { freePort } from '../../infra/local/ports.ts';
import { isAlive } from '../../infra/local/process-identity.mjs';
import type { ProcessIdentity } from '../../infra/local/process-identity.mjs';
import { openLocalStack, readLocalStack } from '../../infra/local/supervisor.ts';
import type { LocalStack, StackOptions } from '../../infra/local/supervisor.ts';
import { kill, nextMessage, remembered, until } from './waiting.ts';

let folder: string;
let worker: URL;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-stack-'));
  const script = join(folder, 'worker.mjs');
  await writeFile(
    script,
    `process.on('SIGTERM', () => process.exit(0));
     process.once('disconnect', () => process.exit(0));
     if (!process.connected) process.exit(0); // before this line was reached
     setInterval(() => undefined, 1000);`,
  );
  worker = pathToFileURL(script);
});
after(() => rm(folder, { recursive: true, force: true }));

async function clone(name: string): Promise<string> {
  return mkdtemp(join(folder, `${name}-`));
}

/** Closed at the test's end, if it is not before: what is left running would outlive a failed test. */
async function open(test: TestContext, options: StackOptions): Promise<LocalStack> {
  const stack = await openLocalStack(options);
  test.after(() => stack.close());
  return stack;
}

const serverNames = ['temporal', 's3'];

/** A supervisor in a process of its own; says 'open' when the clone's stack is. */
async function forkSupervisor(root: string, besides = ''): Promise<ChildProcess> {
  const script = join(root, 'supervisor.mts');
  const supervisor = new URL('../../infra/local/supervisor.ts', import.meta.url);
  await writeFile(
    script,
    `import { existsSync } from 'node:fs';
     import { openLocalStack } from ${JSON.stringify(supervisor.href)};
     ${besides}
     await openLocalStack({ root: ${JSON.stringify(root)}, workers: { cpu: new URL(${JSON.stringify(worker.href)}) } });
     process.send('open');`,
  );
  return fork(script, { execArgv: ['--import', import.meta.resolve('tsx')] });
}

/** The ids of all processes that have the folder in their command line. */
function processesOn(path: string): number[] {
  return execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(path) && !line.includes('supervisor.mts'))
    .map((line) => Number.parseInt(line, 10));
}

test('a stack starts servers and workers, is found by others, and leaves nothing running', async (t) => {
  const root = await clone('whole');
  const stack = await open(t, { root, workers: { cpu: worker } });
  assert.equal((await readLocalStack(root))?.temporalAddress, stack.temporalAddress);
  assert.ok((await fetch(stack.uiAddress)).ok);
  const all = await Promise.all(
    [...serverNames, 'worker-cpu'].map((name) => remembered(root, name)),
  );
  assert.ok(all.every(isAlive));
  await assert.rejects(openLocalStack({ root, workers: {} }), { name: 'StackInUse' });
  await stack.close();
  assert.ok(!all.some(isAlive));
  assert.equal(await readLocalStack(root), undefined);
});

test('two clones started at once run side by side', async (t) => {
  const [a, b] = [await clone('a'), await clone('b')];
  const [first, second] = await Promise.all([
    open(t, { root: a, workers: {} }),
    open(t, { root: b, workers: {} }),
  ]);
  assert.notEqual(first.temporalAddress, second.temporalAddress);
  assert.notEqual(
    first.environment['AWS_ENDPOINT_URL_S3'],
    second.environment['AWS_ENDPOINT_URL_S3'],
  );
  await Promise.all([first.close(), second.close()]);
});

test('what is killed is started again, on the same address', async (t) => {
  const root = await clone('killed');
  const events: string[] = [];
  const stack = await open(t, {
    root,
    workers: { cpu: worker },
    onEvent: ({ message }) => events.push(message),
  });
  const before = new Map<string, ProcessIdentity>();
  for (const name of ['s3', 'worker-cpu']) {
    before.set(name, await remembered(root, name));
    process.kill(before.get(name)!.pid, 'SIGKILL');
  }
  await until('both are there again', async () => {
    const now = await Promise.all([...before.keys()].map((name) => remembered(root, name)));
    return now.every((one) => isAlive(one) && one.pid !== before.get('s3')!.pid);
  });
  await until('S3 answers', () =>
    fetch(stack.environment['AWS_ENDPOINT_URL_S3']!).then(
      () => true,
      () => false,
    ),
  );
  assert.ok(events.some((line) => line.startsWith('s3 ended')));
  assert.ok(events.some((line) => line.startsWith('worker cpu ended (SIGKILL)')));
  await stack.close();
});

test('the servers of a killed supervisor are taken over, and its workers have ended', async (t) => {
  const root = await clone('orphaned');
  const child = await forkSupervisor(root);
  await nextMessage(child);
  const temporal = await remembered(root, 'temporal');
  const orphan = await remembered(root, 'worker-cpu');
  await kill(child);
  await until('the worker ended', () => !isAlive(orphan));
  assert.ok(isAlive(temporal));

  const stack = await open(t, { root, workers: {} });
  assert.equal((await remembered(root, 'temporal')).pid, temporal.pid);
  await stack.close();
  assert.ok(!isAlive(temporal));
});

test('a supervisor killed as its servers start leaves none that the next does not know', async (t) => {
  const root = await clone('early');
  const child = await forkSupervisor(root);
  await until('Temporal is started', () => processesOn(root).length > 0);
  await kill(child);
  const stack = await open(t, { root, workers: {} });
  assert.equal(processesOn(join(root, '.nightshift/temporal.db')).length, 1);
  await stack.close();
  assert.deepEqual(processesOn(root), []);
});

test('a survivor on another port than the clone has now is ended', async (t) => {
  const root = await clone('moved');
  const child = await forkSupervisor(root);
  await nextMessage(child);
  await kill(child);
  const ports = join(root, '.nightshift/ports.json');
  await writeFile(
    ports,
    JSON.stringify({ temporal: await freePort(), ui: await freePort(), s3: await freePort() }),
  );
  const left = await remembered(root, 'temporal');
  const stack = await open(t, { root, workers: {} });
  assert.ok(!isAlive(left));
  assert.equal(processesOn(join(root, '.nightshift/temporal.db')).length, 1);
  await stack.close();
});

test('a start that fails leaves nothing running and the clone free', async (t) => {
  const root = await clone('failing');
  await mkdir(join(root, '.nightshift/temporal.db'), { recursive: true });
  await assert.rejects(
    openLocalStack({ root, workers: {} }),
    /^Error: Temporal ended before it answered on 127\.0\.0\.1:\d+: ".+", see .+temporal\.log$/,
  );
  assert.deepEqual(processesOn(root), []);
  await rm(join(root, '.nightshift/temporal.db'), { recursive: true });
  await open(t, { root, workers: {} });
});

test('a process that ends at once, as by a second Ctrl-C, takes servers that start with it', async () => {
  const root = await clone('at-once');
  const child = await forkSupervisor(
    root,
    `setInterval(() => existsSync(${JSON.stringify(join(root, '.nightshift/logs/temporal.log'))}) && process.exit(), 1);`,
  );
  await once(child, 'exit', { signal: AbortSignal.timeout(30_000) });
  await until('all have ended', () => processesOn(root).length === 0);
});

test('processes that can not be written down are kept all the same', async (t) => {
  const root = await clone('full');
  await mkdir(join(root, '.nightshift'));
  await writeFile(join(root, '.nightshift/processes'), 'no folder');
  const said: string[] = [];
  const onEvent = ({ message }: { message: string }): void => void said.push(message);
  const stack = await open(t, { root, workers: { cpu: worker }, onEvent });
  await until('all three are mentioned', () => said.length === 3);
  assert.ok(
    said.every((line) => line.includes("can't be written down: ")),
    said.join(),
  );
  await stack.close();
  assert.deepEqual(processesOn(root), []);
});

test("a worker connects to the clone's own Temporal, whatever the user's settings are", async (t) => {
  const root = await clone('settings');
  const found = join(root, 'found.json');
  const configuration = join(root, 'temporal.toml');
  await writeFile(configuration, '[profile.default]\naddress = "cloud:7233"\napi_key = "key"\n');
  const script = join(root, 'settings.mjs');
  await writeFile(
    script,
    `import { writeFileSync } from 'node:fs';
     import envconfig from ${JSON.stringify(import.meta.resolve('@temporalio/envconfig'))};
     writeFileSync(${JSON.stringify(found)}, JSON.stringify(envconfig.loadClientConnectConfig()));
     setInterval(() => undefined, 1000);`,
  );
  const before = { ...process.env };
  Object.assign(process.env, {
    ...{ TEMPORAL_CONFIG_FILE: configuration, TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'true' },
    ...{ http_proxy: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9', VGW_PORT: ':9' },
  });
  try {
    const stack = await open(t, { root, workers: { cpu: pathToFileURL(script) } });
    const settings = async (): Promise<unknown> => JSON.parse(await readFile(found, 'utf8'));
    await until('the worker told', () =>
      settings().then(
        () => true,
        () => false,
      ),
    );
    await stack.close();
    assert.deepEqual(await settings(), {
      connectionOptions: { address: stack.temporalAddress },
      namespace: 'default',
    });
  } finally {
    process.env = before;
  }
});
