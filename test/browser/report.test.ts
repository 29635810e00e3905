/** The report in a real browser. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { configSchema } from '../../contract/config.ts';
import { planTraining } from '../../contract/plan.ts';
import { stageNames } from '../../contract/progress.ts';
import { renderReport } from '../../report/report.ts';
import type { ReportInput } from '../../report/report-input.ts';
import { launchChromium } from './chromium.ts';

const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const classes = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  '<b>',
];
const config = configSchema.parse({ training: { epochs: 3 } });
const shown = {
  id: 'test_batch/00012',
  label: 'cat',
  predicted: 'dog',
  probability: 0.71,
  picture: pixel,
};
const validations = [100, 200, 300].map((step, index) => ({
  step,
  epoch: index,
  loss: 2 - index / 4,
  accuracy: 0.2 + index / 10,
  top5: 0.8,
}));

const input: ReportInput = {
  run: '01a20d49-8549-77e0-9255-2884e0cae78a',
  preset: 'quickstart',
  config,
  plan: planTraining(6_400, config.training),
  weights: null,
  classes,
  stages: stageNames.map((name, index) => ({
    name,
    status: 'done',
    startedAt: index * 1_000,
    endedAt: index * 1_000 + 900,
  })),
  losses: Array.from({ length: 300 }, (_, step) => 2.3 * Math.exp(-step / 300)),
  validations,
  best: validations[2]!,
  resumedAt: [120],
  notBitEqual: [],
  imagesPerSecond: 301.2,
  metrics: {
    samples: 1_000,
    accuracy: 0.4,
    top5: 0.9,
    loss: 1.6,
    classes: classes.map(() => ({ precision: 0.4, recall: 0.4, f1: 0.4, support: 100 })),
    confusion: classes.map((_, row) => classes.map((__, column) => (row === column ? 40 : 7))),
  },
  example: shown,
  mistakes: Array.from({ length: 12 }, () => shown),
  lineage: { dataset: 'a'.repeat(64), split: 'b'.repeat(64) },
  numerics: {
    graph: 'c'.repeat(64),
    tensorflow: '2.21.0',
    device: 'cpu',
    instructions: 'avx512',
    threads: 2,
    precision: 'float32',
  },
};

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

async function open(
  width: number,
  colorScheme: 'light' | 'dark',
): Promise<{ page: Page; asked: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('pageerror', (error) => asked.push(String(error)));
  await page.setContent(await renderReport(input));
  return { page, asked };
}

test('the report asks the network for nothing, and stays below a megabyte', async () => {
  const { page, asked } = await open(1280, 'light');
  assert.deepEqual(
    asked.filter((url) => !url.startsWith('data:')),
    [],
  );
  assert.ok((await page.content()).length < 2 ** 20);
  await page.close();
});

test('it says the accuracy, the example and that it is wrong', async () => {
  const { page } = await open(1280, 'light');
  assert.match(await page.locator('h1').innerText(), /40\.0 %/);
  assert.match(await page.locator('.example').innerText(), /dog.*Wrong: it is cat/s);
  assert.match(
    await page.locator('#training ~ p').first().innerText(),
    /interrupted once.*step 120/s,
  );
  await page.close();
});

test('what a class is called is text, whatever it looks like', async () => {
  const { page } = await open(1280, 'light');
  assert.equal(await page.locator('th', { hasText: '<b>' }).count(), 3);
  await page.close();
});

for (const width of [360, 1280]) {
  test(`at ${width} px nothing sticks out of the page`, async () => {
    const { page } = await open(width, 'light');
    const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    assert.ok((over as number) <= 0, `${String(over)} px`);
    await page.close();
  });
}

test('dark is dark, and the charts take the page’s colours', async () => {
  const colours = async (scheme: 'light' | 'dark'): Promise<unknown> => {
    const { page } = await open(1280, scheme);
    const found = await page.evaluate(
      `[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill]`,
    );
    await page.close();
    return found;
  };
  const [light, dark] = [await colours('light'), await colours('dark')];
  assert.deepEqual(light, ['rgb(251, 250, 247)', 'rgb(34, 38, 43)']);
  assert.deepEqual(dark, ['rgb(20, 23, 26)', 'rgb(230, 228, 222)']);
});

test('every picture and chart has words instead', async () => {
  const { page } = await open(1280, 'light');
  assert.equal(await page.locator('img:not([alt])').count(), 0);
  assert.equal(await page.locator('svg:not([aria-label])').count(), 0);
  await page.close();
});
