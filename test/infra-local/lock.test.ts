/** The lock file, between processes that die. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { lock, lockHolder } from '../../infra/local/lock.mjs';
import { identify } from '../../infra/local/process-identity.mjs';
import { kill, nextMessage } from './waiting.ts';

let root: string;
let count = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nightshift-lock-'));
});
after(() => rm(root, { recursive: true }));

const here = (): string => join(root, `${(count += 1)}.lock`);
const refuse = (): never => {
  throw new Error('held');
};
/** This process's id, given to another before. */
const reused = JSON.stringify({ pid: process.pid, startedAt: 'long ago', host: hostname() });
const aMinuteAgo = new Date(Date.now() - 60_000);

test('one holder at a time; given back, it is free', async () => {
  const path = here();
  const unlock = await lock(path, refuse);
  await assert.rejects(lock(path, refuse), /held/);
  assert.equal(lockHolder(path)?.pid, process.pid);
  unlock();
  assert.equal(lockHolder(path), undefined);
  (await lock(path, refuse))();
});

test('a holder whose process id now names another process holds nothing', async () => {
  const path = here();
  await writeFile(path, reused);
  assert.equal(lockHolder(path), undefined);
  (await lock(path, refuse))();
});

test('a lock file that is empty, or of a machine that no longer touches it, is free', async () => {
  const elsewhere = JSON.stringify({ ...identify(process.pid), host: `not-${hostname()}` });
  for (const text of ['', elsewhere]) {
    const path = here();
    await writeFile(path, text);
    await utimes(path, aMinuteAgo, aMinuteAgo);
    (await lock(path, refuse))();
  }
});

test('a process of another machine that still touches the lock holds it', async () => {
  const path = here();
  await writeFile(path, JSON.stringify({ pid: 1, startedAt: '1', host: `not-${hostname()}` }));
  await assert.rejects(lock(path, refuse), /held/);
});

test('an heir that died before it was done is no obstacle', async () => {
  const path = here();
  await writeFile(path, reused);
  await writeFile(`${path}.heir`, reused);
  (await lock(path, refuse))();
});

test("giving back leaves another's lock alone", async () => {
  const path = here();
  const unlock = await lock(path, refuse);
  await writeFile(path, reused);
  unlock();
  assert.equal(await readFile(path, 'utf8'), reused);
});

test('of many that find a dead holder at once, one takes over', async () => {
  const path = here();
  const script = join(root, 'heir.mjs');
  const lockModule = new URL('../../infra/local/lock.mjs', import.meta.url);
  await writeFile(
    script,
    `import { lock } from ${JSON.stringify(lockModule.href)};
     process.on('message', () =>
       lock(${JSON.stringify(path)}, () => { throw new Error('held'); }).then(
         () => process.send('taken'),
         (error) => process.send(error.message),
       ));`,
  );
  const heirs = Array.from({ length: 4 }, () => fork(script, { execArgv: [] }));
  for (let round = 0; round < 50; round += 1) {
    await writeFile(`${path}.dead`, reused);
    await rename(`${path}.dead`, path);
    const answers = heirs.map(nextMessage);
    for (const heir of heirs) heir.send('go');
    const taken = (await Promise.all(answers)).filter((answer) => answer === 'taken');
    assert.equal(taken.length, 1);
  }
  await Promise.all(heirs.map(kill));
});
