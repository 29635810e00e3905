/** What a run leaves that fails, on a real Temporal server. */
import { WorkflowFailedError } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { durable } from '../../activities/durable.ts';
import { writeFailure } from '../../activities/write-failure.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { FailureType } from '../../contract/failures.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { testStep } from '../support/data-services.ts';
import { segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training } from './harness.ts';
import type { Harness } from './harness.ts';

let harness: Harness;
before(async () => void (harness = await openHarness()));
after(() => harness.stop());

const failing =
  (type: FailureType, message: string): (() => Promise<never>) =>
  () =>
    durable(() => Promise.reject(new NightshiftError(type, message)));

/** Runs to its failure; returns what it is called and what it says of itself. */
async function fail(own: Partial<Activities>, input: object = { training }) {
  let id = '';
  const failed = harness.run(own, input, async ({ workflowId }) => void (id = workflowId));
  await assert.rejects(failed, WorkflowFailedError);
  return { id, progress: await harness.progressOf(id) };
}

/** Writes the page to `store`, as a data worker does. */
const writing = (store: ObjectStore): Partial<Activities> => ({
  writeFailure: (input) => writeFailure({ store }, input, testStep()),
});

test('a run that fails leaves a page that says in which stage, why, how far it came, and how to go on', async () => {
  const store = openMemoryStore();
  const { id, progress } = await fail({
    ...writing(store),
    trainSteps: async (input) => {
      if (input.toStep === 9) return failing('Diverged', 'step 8: the loss is <NaN>')();
      return segmentTo(input);
    },
  });
  const { bytes } = await store.get(progress.failureReportKey!);
  const page = Buffer.from(bytes).toString();
  assert.match(
    page,
    /<h1>Failed <span>in train<\/span><\/h1>\s*<p>step 8: the loss is &#60;NaN&#62;</,
  );
  assert.match(page, /Training had come to step 6 of 12/);
  assert.match(page, /It goes on from its checkpoint of step 6, stored \d{4}-/);
  assert.ok(page.includes(`npx nightshift resume ${id}`));
});

test('a page that can not be written is said, and the run fails by what it failed by', async () => {
  const { progress } = await fail({
    splitDataset: failing('InvalidData', 'no such class'),
    writeFailure: failing('StorageAccess', 'the store refuses'),
  });
  assert.equal(progress.failureReportKey, undefined);
  assert.equal(
    progress.lastProblem!.message,
    'no report of the failure was written: the store refuses',
  );
  assert.equal(progress.stages.find(({ status }) => status === 'failed')!.note, 'no such class');
});

test('a configuration that is refused leaves none: its result says it all', async () => {
  const refused = { training: { epochs: 0 } };
  const { progress } = await fail({ writeFailure: () => assert.fail('asked for') }, refused);
  assert.equal(progress.failureReportKey, undefined);
  assert.equal(progress.lastProblem, undefined);
});
