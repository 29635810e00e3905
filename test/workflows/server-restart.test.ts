/** The Temporal server is killed and started again: in the middle of an activity, and of a workflow. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, signal } from '../../infra/local/process-identity.mjs';
import { startTemporal } from '../../infra/local/servers.ts';
import type { Server } from '../../infra/local/servers.ts';
import { setUp } from '../../infra/local/setup.mjs';
import { pauseUpdate, progressQuery, resumeUpdate } from '../../workflows/messages.ts';
import { openTrainingRig } from '../support/training-rig.ts';
import type { TrainingRig } from '../support/training-rig.ts';
import { openHarness, until } from './harness.ts';
import type { Harness } from './harness.ts';

let folder: string;
let server: Server;
let harness: Harness;
let rig: TrainingRig;
let undisturbed: string;

const start = async (port?: number): Promise<Server> =>
  startTemporal({
    binary: (await setUp()).temporal,
    databaseFile: join(folder, 'temporal.db'),
    ...(port !== undefined && { port }),
  });

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-temporal-'));
  server = await start();
  harness = await openHarness(server.address);
  const other = await openTrainingRig();
  ({ finalDigest: undisturbed } = (await harness.run(other.activities)).result);
  await other.remove();
});
after(async () => {
  await harness.stop();
  await server.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => void (rig = await openTrainingRig()));
afterEach(() => rig.remove());

async function killedWhile(meanwhile: () => Promise<void>): Promise<void> {
  signal(server.process, 'SIGKILL');
  await end(server.process, 0);
  await meanwhile();
  server = await start(Number(server.address.split(':')[1]));
}

test('an activity that ends while the server is away is not lost', async () => {
  let [begun, goesOn] = [false, false];
  const { result } = await harness.run(
    {
      ...rig.activities,
      async trainSteps(input) {
        if (input.toStep === 6) {
          begun = true;
          await until(() => goesOn);
        }
        return rig.activities.trainSteps!(input);
      },
    },
    undefined,
    async () => {
      await until(() => begun);
      await killedWhile(async () => {
        goesOn = true;
        await sleep(500);
      });
    },
  );
  assert.equal(result.finalDigest, undisturbed);
});

test('a workflow between two activities goes on where it was', async () => {
  const { result } = await harness.run(rig.activities, undefined, async (handle) => {
    await handle.executeUpdate(pauseUpdate);
    await until(async () => {
      const { training } = await handle.query(progressQuery);
      return training !== undefined;
    });
    const { training } = await handle.query(progressQuery);
    await killedWhile(() => sleep(500));
    assert.deepEqual((await handle.query(progressQuery)).training, training);
    await handle.executeUpdate(resumeUpdate);
  });
  assert.equal(result.finalDigest, undisturbed);
});
