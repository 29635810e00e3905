/** The Temporal UI as a user goes through it: its start form, a run's current details, the menu of updates. */
import type { Page } from 'playwright-core';

/** The first click after typing only formats an editor's text, so another field is clicked first. */
async function type(page: Page, editor: string, text: string): Promise<void> {
  await page.getByLabel(editor, { exact: true }).first().click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

/** Starts a run from the form at this address with `input`, as it is written; returns the run's page. */
export async function startFrom(page: Page, form: string, input: string): Promise<string> {
  await page.goto(form);
  await page.getByRole('button', { name: 'Random UUID' }).click();
  await type(page, 'Data', input);
  await page.locator('#workflowId').click();
  await page.getByTestId('start-workflow-button').click();
  const link = page.getByRole('link', { name: 'Workflow started successfully' });
  const path = (await link.getAttribute('href'))!;
  return new URL(path, page.url()).href.replace(/\/timeline.*/, '');
}

/** A run's current details once they say so: the UI asks for them anew at the key R. */
export async function detailsThat(page: Page, run: string, say: RegExp): Promise<string> {
  const details = `${run}/user-metadata`;
  if (page.url() !== details) await page.goto(details);
  for (;;) {
    const text = await textOf(page);
    if (say.test(text)) return text;
    await page.keyboard.press('r');
    await page.waitForTimeout(200);
  }
}

/** Markdown stands in a frame of its own, which is made anew each time. */
async function textOf(page: Page): Promise<string> {
  const texts = page.frames().map((frame) =>
    frame
      .locator('body')
      .innerText({ timeout: 1_000 })
      .catch(() => ''),
  );
  return (await Promise.all(texts)).join('\n');
}

/** Sends an update that takes no input from the run's menu; resolves once its window is closed. */
export async function sendUpdate(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'More Actions' }).click();
  await page.getByRole('menuitem', { name: 'Send an Update' }).click();
  await page.getByRole('button', { name: 'Select an Update' }).click();
  // Its name, and below it what it does.
  const option = page.getByRole('option', { name: new RegExp(`^\\s*${name}\\b`) });
  await option.filter({ visible: true }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByTestId('confirm-modal-button').click();
  await dialog.waitFor({ state: 'detached' });
}

/** Makes a schedule in the UI's form, every day at two. */
export async function createSchedule(
  page: Page,
  uiAddress: string,
  { name, type: workflowType, queue, input }: Record<'name' | 'type' | 'queue' | 'input', string>,
): Promise<void> {
  await page.goto(`${uiAddress}/namespaces/default/schedules/create`);
  await page.getByTestId('schedule-name-input').fill(name);
  await page.getByTestId('schedule-type-input').fill(workflowType);
  await page.getByTestId('schedule-workflow-id-input').fill(name);
  await page.getByTestId('schedule-task-queue-input').fill(queue);
  await type(page, 'JSON Data', input);
  await page.getByTestId('schedule-name-input').click();
  await page.locator('input[id^=cron-string]').fill('0 2 * * *');
  await page.getByTestId('create-schedule-button').click();
  await page.waitForURL((url) => !url.pathname.endsWith('/create'));
}
