/** The clone's own stack, with real servers and small workers. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isAlive } from '../../infra/local/process-identity.ts';
import type { ProcessIdentity } from '../../infra/local/process-identity.ts';
import { openLocalStack, readLocalStack } from '../../infra/local/supervisor.ts';

let folder: string;
let worker: URL;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-stack-'));
  const script = join(folder, 'worker.mjs');
  await writeFile(
    script,
    `process.on('SIGTERM', () => process.exit(0));
     process.once('disconnect', () => process.exit(0));
     setInterval(() => undefined, 1000);`,
  );
  worker = pathToFileURL(script);
});
after(() => rm(folder, { recursive: true, force: true }));

async function clone(name: string): Promise<string> {
  return mkdtemp(join(folder, `${name}-`));
}

/** A process that the clone's stack remembers. */
async function remembered(root: string, name: string): Promise<ProcessIdentity> {
  const path = join(root, '.nightshift', 'processes', `${name}.json`);
  for (;;) {
    try {
      return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
    } catch {
      await sleep(20);
    }
  }
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await sleep(50);
}

test('a stack starts servers and workers, is found by others, and leaves nothing running', async () => {
  const root = await clone('whole');
  const stack = await openLocalStack({ root, workers: { cpu: worker } });
  assert.equal((await readLocalStack(root))?.temporalAddress, stack.temporalAddress);
  assert.ok((await fetch(stack.uiAddress)).ok);
  const all = await Promise.all(
    ['temporal', 's3', 'worker-cpu'].map((name) => remembered(root, name)),
  );
  assert.ok(all.every(isAlive));
  await assert.rejects(openLocalStack({ root, workers: {} }), { name: 'StackInUse' });
  await stack.close();
  assert.ok(!all.some(isAlive));
  assert.equal(await readLocalStack(root), undefined);
});

test('two clones run side by side', async () => {
  const [a, b] = [await clone('a'), await clone('b')];
  const first = await openLocalStack({ root: a, workers: {} });
  const second = await openLocalStack({ root: b, workers: {} });
  assert.notEqual(first.temporalAddress, second.temporalAddress);
  assert.notEqual(
    first.environment['AWS_ENDPOINT_URL_S3'],
    second.environment['AWS_ENDPOINT_URL_S3'],
  );
  await Promise.all([first.close(), second.close()]);
});

test('what is killed is started again, on the same address', async () => {
  const root = await clone('killed');
  const events: string[] = [];
  const stack = await openLocalStack({
    root,
    workers: { cpu: worker },
    onEvent: ({ message }) => events.push(message),
  });
  const before = new Map<string, ProcessIdentity>();
  for (const name of ['s3', 'worker-cpu']) {
    before.set(name, await remembered(root, name));
    process.kill(before.get(name)!.pid, 'SIGKILL');
  }
  await until(async () => {
    const now = await Promise.all([...before.keys()].map((name) => remembered(root, name)));
    return now.every((one) => isAlive(one) && one.pid !== before.get('s3')!.pid);
  });
  await until(() =>
    fetch(stack.environment['AWS_ENDPOINT_URL_S3']!).then(
      () => true,
      () => false,
    ),
  );
  assert.ok(events.some((line) => line.startsWith('s3 ended')));
  assert.ok(events.some((line) => line.startsWith('worker cpu ended (SIGKILL)')));
  await stack.close();
});

test('the servers of a killed supervisor are taken over, and its workers have ended', async () => {
  const root = await clone('orphaned');
  const script = join(folder, 'supervisor.mts');
  const supervisor = new URL('../../infra/local/supervisor.ts', import.meta.url);
  await writeFile(
    script,
    `import { openLocalStack } from ${JSON.stringify(supervisor.href)};
     await openLocalStack({ root: ${JSON.stringify(root)}, workers: { cpu: new URL(${JSON.stringify(worker.href)}) } });
     process.send('open');`,
  );
  const child = fork(script, { execArgv: ['--import', import.meta.resolve('tsx')] });
  await once(child, 'message');
  const temporal = await remembered(root, 'temporal');
  const orphan = await remembered(root, 'worker-cpu');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await until(() => !isAlive(orphan));
  assert.ok(isAlive(temporal));

  const stack = await openLocalStack({ root, workers: {} });
  assert.equal((await remembered(root, 'temporal')).pid, temporal.pid);
  await stack.close();
  assert.ok(!isAlive(temporal));
});
