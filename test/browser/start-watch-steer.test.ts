/** A run is started, watched and steered from Temporal's UI alone, in a real browser, on real servers and workers. */
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { makeTemplates, startForm } from '../../cli/templates.ts';
import { cpuQueue } from '../../contract/queues.ts';
import type { RunResult } from '../../contract/progress.ts';
import { cifarArchive } from '../support/cifar-archive.ts';
import { startStack } from '../support/stack.ts';
import type { TestStack } from '../support/stack.ts';
import { launchChromium } from './chromium.ts';
import { createSchedule, detailsThat, sendUpdate, startFrom } from './temporal-ui.ts';

let stack: TestStack;
let browser: Browser;
let page: Page;
let form: string;
before(async () => {
  [stack, browser] = await Promise.all([startStack({ ui: true }), launchChromium()]);
  await makeTemplates(stack.client);
  form = startForm(stack.uiAddress!, 'default', 'trainingPipeline');
  page = await browser.newPage({ viewport: { width: 1500, height: 1300 } });
});
after(async () => {
  await browser.close();
  await stack.stop();
});

const idOf = (run: string): string => run.split('/').at(-2)!;

test('the form begins with the template, not with the last run’s input', async () => {
  await page.goto(form);
  const data = page.getByLabel('Data', { exact: true });
  await data.getByText('quickstart').waitFor();
  assert.deepEqual(JSON.parse(await data.innerText()), {
    preset: 'quickstart',
    training: { epochs: 5 },
  });
  assert.equal(await page.locator('#taskQueue').inputValue(), cpuQueue);
});

test('an empty input is the preset quickstart', async () => {
  const run = await startFrom(page, form, '');
  const handle = stack.client.workflow.getHandle(idOf(run));
  await detailsThat(page, run, /✓ configure/);
  const { memo } = await handle.describe();
  await handle.terminate();
  assert.deepEqual(memo!['settings'], { preset: 'quickstart' });
});

test('a wrong input fails within seconds, with the keys, the values and the rules', async () => {
  const run = await startFrom(page, form, '{ "training": { "epochs": 0, "epoch": 3 } }');
  await detailsThat(page, run, /Failed in configure: the configuration is not valid/);
  await page.goto(`${run}/timeline`);
  await page.getByText('training.epochs: 0: Too small').first().waitFor();
  await page.getByText('training.epoch').first().waitFor();
});

test('a run is started, watched, paused and let go on until its report', async (t) => {
  const input = {
    dataset: { source: await cifarArchive(), limit: 1_000 },
    training: { epochs: 3, batchSize: 32, validateEverySteps: 10 },
  };
  const run = await startFrom(page, form, JSON.stringify(input));
  const startedAt = performance.now();
  await detailsThat(page, run, /[▶✓] configure/);
  t.diagnostic(`Start to progress in current details: ${seconds(startedAt)}`);

  await detailsThat(page, run, /Validation accuracy .* % at step \d+, best .* at step \d+/);
  const text = await detailsThat(page, run, /Loss .*, learning rate 0\.000\d+, \d+ images\/s/);
  assert.match(text, /Training ends about 20\d\d-\d\d-\d\d \d\d:\d\d UTC/);
  assert.match(text, /"resumeFrom": "[0-9a-f-]{36}"/);
  await sendUpdate(page, 'pause');
  await detailsThat(page, run, /Paused: the update resume goes on/);
  await sendUpdate(page, 'resume');

  const handle = stack.client.workflow.getHandle(idOf(run));
  const result = (await handle.result()) as RunResult;
  const done = await detailsThat(page, run, /Test accuracy/);
  assert.ok(done.includes(`npx nightshift status ${idOf(run)} shows where it lies`));
  assert.equal(result.resumes, 0, 'the pause has lost nothing');
  t.diagnostic(`pause accepted to state durable, GPU free: ${await pauseMs(handle)} ms`);
});

/** The first update is answered once its state is durable and the GPU free. */
async function pauseMs(handle: WorkflowHandle): Promise<number> {
  const { events } = await handle.fetchHistory();
  const timeOf = (of: 'Accepted' | 'Completed'): number => {
    const { eventTime } = events!.find(
      (event) => event[`workflowExecutionUpdate${of}EventAttributes`],
    )!;
    return Number(eventTime!.seconds) * 1000 + eventTime!.nanos! / 1e6;
  };
  return Math.round(timeOf('Completed') - timeOf('Accepted'));
}

test('the list is filtered by what runs have told', async () => {
  const query = encodeURIComponent("NightshiftStage = 'report' AND NightshiftBestAccuracy > 0");
  await page.goto(`${stack.uiAddress}/namespaces/default/workflows?query=${query}`);
  await page.getByText('1 Workflow', { exact: true }).waitFor();
});

test('the form for schedules makes one with the same input', async () => {
  const night = { name: 'nightly', type: 'trainingPipeline', queue: cpuQueue };
  await createSchedule(page, stack.uiAddress!, {
    ...night,
    input: '{ "training": { "epochs": 2 } }',
  });
  const { action, spec } = await stack.client.schedule.getHandle('nightly').describe();
  assert.deepEqual(action.args, [{ training: { epochs: 2 } }]);
  assert.deepEqual([action.workflowType, action.taskQueue], [night.type, night.queue]);
  assert.deepEqual(
    spec.calendars?.map(({ hour, minute }) => [hour, minute]),
    [[[{ start: 2, end: 2, step: 1 }], [{ start: 0, end: 0, step: 1 }]]],
  );
});

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
