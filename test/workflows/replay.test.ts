/** Runs that an earlier version of the workflow has begun go on under this one. */
import { Worker } from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { before, test } from 'node:test';
import { bundleWorkflows } from './harness.ts';

const folder = new URL('../histories/', import.meta.url);
const histories = readdirSync(folder);

let workflowBundle: WorkflowBundle;
before(async () => void (workflowBundle = await bundleWorkflows()));

interface RecordedEvent {
  readonly workflowTaskStartedEventAttributes?: { suggestContinueAsNew?: boolean };
  readonly activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}
type Recorded = { readonly events: RecordedEvent[] };

const recorded = (file: string): Recorded =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Recorded;

assert.ok(histories.length > 0);
for (const file of histories) {
  test(`${file} is replayed`, () => Worker.runReplayHistory({ workflowBundle }, recorded(file)));

  test(`${file} that asked for another activity is not`, async () => {
    const history = recorded(file);
    const asked = history.events.flatMap(
      (event) => event.activityTaskScheduledEventAttributes ?? [],
    );
    asked.at(-1)!.activityType.name = 'another';
    await assert.rejects(Worker.runReplayHistory({ workflowBundle }, history), {
      name: 'DeterminismViolationError',
    });
  });
}

test('a long run of before a run could go on in another execution is replayed', async () => {
  const history = recorded('undisturbed.json');
  const tasks = history.events.flatMap((event) => event.workflowTaskStartedEventAttributes ?? []);
  for (const task of tasks) task.suggestContinueAsNew = true;
  await Worker.runReplayHistory({ workflowBundle }, history);
});
