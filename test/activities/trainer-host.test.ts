/** Who gets the one trainer of a worker: a process here that only says it is ready. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { programOf } from '../../activities/train-steps.ts';
import { openTrainerHost } from '../../activities/trainer-host.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

let folder: string;
let script: URL;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-host-'));
  const path = join(folder, 'trainer.mjs');
  const ready = JSON.stringify({ type: 'ready', numerics, featureGraph: '' });
  await writeFile(path, `process.on('message', () => process.send(${ready}));`);
  script = pathToFileURL(path);
});
after(() => rm(folder, { recursive: true }));

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
