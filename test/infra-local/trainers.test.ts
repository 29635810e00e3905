/** Trainers, as the system's process table shows them. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { trainerTitle } from '../../contract/trainer-title.ts';
import { identify } from '../../infra/local/process-identity.mjs';
import { trainersBelow } from '../../infra/local/trainers.ts';
import { kill, nextMessage } from './waiting.ts';

test('a worker has the trainers that it started and nothing else, each at the step its title tells', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-trainers-'));
  await mkdir(join(folder, 'workers'));
  const start = async (name: string, script: string): Promise<ChildProcess> => {
    const path = join(folder, 'workers', name);
    await writeFile(path, `${script}\nprocess.send('here'); setInterval(() => undefined, 1000);`);
    const child = fork(path);
    await nextMessage(child);
    return child;
  };
  const fresh = await start('trainer.mjs', '');
  const training = await start(
    'trainer.js',
    `process.title = ${JSON.stringify(trainerTitle(1_234))};`,
  );
  const other = await start('compiler.mjs', '');
  t.after(() => rm(folder, { recursive: true }));

  const found = trainersBelow(identify(process.pid)!);
  assert.deepEqual(
    found.map(({ pid, step }) => ({ pid, step })),
    [
      { pid: fresh.pid, step: undefined },
      { pid: training.pid, step: 1_234 },
    ],
  );
  for (const child of [fresh, training, other]) await kill(child);
  assert.deepEqual(trainersBelow(identify(process.pid)!), []);
});
