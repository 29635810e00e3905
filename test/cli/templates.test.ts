/** Templates of the start form, on a real Temporal server. */
import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runsOf } from '../../cli/runs.ts';
import { makeTemplates, templateTypes } from '../../cli/templates.ts';
import { parseOverPreset } from '../../contract/parse-config.ts';
import { startTestTemporal } from '../support/servers.ts';

test('each type has one template, which is no run and stays as it is', async (t) => {
  const temporal = await startTestTemporal();
  t.after(() => temporal.stop());
  const connection = await Connection.connect({ address: temporal.address });
  t.after(() => connection.close());
  const client = new Client({ connection });
  await makeTemplates(client);
  await makeTemplates(client);
  for (const type of templateTypes) {
    const { status } = await client.workflow.getHandle(`template-${type}`).describe();
    assert.equal(status.name, 'TERMINATED', type);
  }
  while ((await client.workflow.count()).count < templateTypes.length) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const runs = runsOf(client, new AbortController().signal);
  assert.deepEqual(await runs.list(10), []);
  const { preset, ...own } = (await runs.input('template-trainingPipeline')) as {
    preset: string;
  };
  assert.ok('config' in parseOverPreset(preset, own), 'it can be started as it is');
});
