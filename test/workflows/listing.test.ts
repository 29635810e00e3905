/** What the list of runs can be filtered by, on a real Temporal server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { searchAttributes } from '../../contract/search-attributes.ts';
import type { SearchValues } from '../../contract/search-attributes.ts';
import { openHarness, training, until } from './harness.ts';
import type { Harness } from './harness.ts';

let harness: Harness;
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

async function foundBy(filter: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of harness.client.workflow.list({ query: filter })) {
    ids.push(workflowId);
  }
  return ids;
}

async function told(workflowId: string): Promise<SearchValues> {
  const { typedSearchAttributes } = await harness.client.workflow.getHandle(workflowId).describe();
  return Object.fromEntries(
    Object.entries(searchAttributes).map(([name, key]) => [name, typedSearchAttributes.get(key)]),
  ) as SearchValues;
}

test('a run tells its stage, its model, its dataset, its epochs and its best accuracy', async () => {
  let id = '';
  await harness.run({}, { training }, async (handle) => void (id = handle.workflowId));
  assert.deepEqual(await told(id), {
    ...{ stage: 'report', model: 'resnet50v2', dataset: '1'.repeat(64) },
    ...{ epoch: 4, bestAccuracy: 0.12 },
  });
});

test('the best runs of a model are a filter of the list', async () => {
  let id = '';
  const input = { training, model: { architecture: 'resnet50' } };
  await harness.run({}, input, async (handle) => void (id = handle.workflowId));
  const best = `NightshiftModel = 'resnet50' AND NightshiftBestAccuracy`;
  await until(async () => (await foundBy(`${best} > 0.11`)).length > 0);
  assert.deepEqual(await foundBy(`${best} > 0.11`), [id]);
  assert.deepEqual(await foundBy(`${best} > 0.13`), []);
});

test('the memo has the settings that differ from the preset, but no webhook', async () => {
  let id = '';
  const input = { training, webhook: 'https://example.org/secret' };
  const callWebhook = async (): Promise<void> => undefined;
  await harness.run({ callWebhook }, input, async (handle) => void (id = handle.workflowId));
  const { memo } = await harness.client.workflow.getHandle(id).describe();
  assert.deepEqual(memo!['settings'], {
    preset: 'quickstart',
    ...{ 'training.batchSize': 20, 'training.epochs': 4, 'training.validateEverySteps': 3 },
  });
});
