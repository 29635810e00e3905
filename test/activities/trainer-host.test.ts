/** Who gets the one trainer of a worker, and how it ends: a process here that says it is ready, and can't save. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { programOf } from '../../activities/train-steps.ts';
import { openTrainerHost } from '../../activities/trainer-host.ts';
import { NightshiftError } from '../../contract/failures.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

let folder: string;
let script: URL;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-host-'));
  const path = join(folder, 'trainer.mjs');
  const ready = JSON.stringify({ type: 'ready', numerics, featureGraph: '' });
  const failed = JSON.stringify({ type: 'failed', name: 'Unavailable', message: 'disk full' });
  const answer = `process.send(type === 'save' ? ${failed} : ${ready})`;
  await writeFile(path, `process.on('message', ({ type }) => ${answer});`);
  script = pathToFileURL(path);
});
after(() => rm(folder, { recursive: true }));

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("an attempt that was stopped before its turn leaves another run's trainer alone", async () => {
  const host = openTrainerHost(script, () => assert.fail('it reads no shards'));
  const program = programOf(trainingInputs());
  const going = new AbortController();
  const stopped = new AbortController();
  try {
    const first = host.use(program, going.signal, async ({ client }) => {
      stopped.abort(new Error('timed out'));
      return client.pid;
    });
    const other = programOf(trainingInputs({ training: { batchSize: 1 } }));
    const second = host.use(other, stopped.signal, async () => assert.fail('it has its turn'));
    await assert.rejects(second, /timed out/);
    assert.equal(await host.useWarm(program, async ({ client }) => client.pid), await first);
  } finally {
    await host.close();
  }
});

test('a trainer whose state can not be saved is ended all the same, and that is told', async () => {
  const host = openTrainerHost(script, () => assert.fail('it reads no shards'));
  const { signal } = new AbortController();
  const { client } = await host.use(programOf(trainingInputs()), signal, async (trainer) => {
    trainer.leave = async () =>
      void (await trainer.client.ask({ type: 'save', statePrefix: '/state', aside: false }));
    return trainer;
  });
  await assert.rejects(host.close(), {
    name: 'StateNotSaved',
    cause: new NightshiftError('Unavailable', 'disk full'),
  });
  while (isThere(client.pid)) await sleep(10);
});

test('what did not fit in the memory of a trainer is tried by another one', async () => {
  const host = openTrainerHost(script, () => assert.fail('it reads no shards'));
  const { signal } = new AbortController();
  const program = programOf(trainingInputs());
  const pids: number[] = [];
  const full = host.use(program, signal, async ({ client }) => {
    pids.push(client.pid);
    throw new NightshiftError('OutOfMemory', 'a batch does not fit');
  });
  try {
    await assert.rejects(full, { name: 'OutOfMemory' });
    assert.notEqual(await host.use(program, signal, async ({ client }) => client.pid), pids[0]);
  } finally {
    await host.close();
  }
});
