/** Workers that end, in each way they can. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { keepWorker } from '../../infra/local/keep-worker.ts';
import type { WorkerSettings } from '../../infra/local/keep-worker.ts';
import { until } from './waiting.ts';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-worker-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function settings(name: string, script: string): Promise<WorkerSettings> {
  const file = join(folder, `${name}.mjs`);
  await writeFile(file, script);
  return {
    name,
    script: pathToFileURL(file),
    environment: {},
    log: join(folder, `${name}.log`),
    onSpawn: () => undefined,
    onEvent: () => undefined,
  };
}

test('a worker that ends at once again and again: the event says why and where more stands', async (t) => {
  // The clock is set forward by an hour at each look: that says nothing of how long a worker lived.
  let now = Date.now();
  t.mock.method(Date, 'now', () => (now += 3_600_000));
  const said: string[] = [];
  const closing = new AbortController();
  const failing = await settings('failing', `throw new Error('no such bucket');`);
  const onEvent: WorkerSettings['onEvent'] = ({ message }) => void said.push(message);
  const kept = keepWorker({ ...failing, onEvent }, closing.signal);
  await until('it ended three times', () => said.length === 3);
  closing.abort();
  await kept;
  assert.deepEqual(said, [
    'worker failing ended (exit code 1); starting it again',
    'worker failing ended (exit code 1); starting it again',
    `worker failing ended (exit code 1) 3 times soon: "Error: no such bucket", see ${failing.log}; starting it again`,
  ]);
});

test('a worker in TypeScript starts from whatever folder the user stands in', async () => {
  const closing = new AbortController();
  const script = pathToFileURL(join(folder, 'typed.ts'));
  await writeFile(script, 'const message: object = {};\nprocess.send!(message);\n');
  const typed = { ...(await settings('typed', '')), script };
  const from = process.cwd();
  process.chdir(folder);
  let ready = false;
  const kept = keepWorker({ ...typed, onReady: () => void (ready = true) }, closing.signal);
  process.chdir(from);
  await until('it is ready', () => ready);
  closing.abort();
  await kept;
});

test('the log stays open in the worker only', { skip: process.platform !== 'linux' }, async () => {
  const closing = new AbortController();
  const lasting = await settings('lasting', `setInterval(() => undefined, 1000);`);
  let starts = 0;
  const onSpawn = (): void => void (starts += 1);
  const kept = keepWorker({ ...lasting, onSpawn }, closing.signal);
  await until('it started', () => starts === 1);
  const files = await Promise.all(
    (await readdir('/proc/self/fd')).map((file) =>
      readlink(`/proc/self/fd/${file}`).catch(() => ''),
    ),
  );
  assert.ok(!files.includes(lasting.log));
  closing.abort();
  await kept;
});

test('a worker that is told to end as it starts, ends', async () => {
  const closing = new AbortController();
  const lasting = await settings('early', `setInterval(() => undefined, 1000);`);
  const kept = keepWorker({ ...lasting, onSpawn: () => closing.abort() }, closing.signal);
  let ended = false;
  void kept.then(() => (ended = true));
  await until('the worker ended', () => ended);
});
