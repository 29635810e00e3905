/** What a worker's process tells of itself, with real workers on a real server. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { log } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { durable } from '../../activities/durable.ts';
import { trainMetrics } from '../../activities/train-metrics.ts';
import { cpuQueue, gpuQueue } from '../../contract/queues.ts';
import { NightshiftError } from '../../contract/failures.ts';
import { freePort } from '../../infra/local/ports.ts';
import { readSettings } from '../../workers/settings.ts';
import { createSearchAttributes } from '../../workers/search-attributes.ts';
import { installTelemetry } from '../../workers/telemetry.ts';
import { startTestTemporal } from '../support/servers.ts';
import { fakeActivities, segmentTo } from '../workflows/fake-activities.ts';
import type { Activities } from '../workflows/fake-activities.ts';
import { bundleWorkflows, training } from '../workflows/harness.ts';

const port = await freePort();
const settings = { LOG_FORMAT: 'json', NIGHTSHIFT_METRICS: String(port) };

/** All that is said on standard error while `work` goes on, as objects. */
async function loggedBy(
  t: TestContext,
  work: () => Promise<void>,
): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const { mock } = t.mock.method(process.stderr, 'write', (text: string) => lines.push(text) > 0);
  await work();
  mock.restore();
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A run of which one training segment fails and is tried again; `atEnd`: while the workers are still up. */
async function runOnce(address: string, atEnd: () => Promise<void>): Promise<void> {
  let failed = false;
  const trainSteps: Activities['trainSteps'] = (input) =>
    durable(async () => {
      log.info('trains', { run: 'r', step: 7 });
      if (failed) return segmentTo(input);
      failed = true;
      throw new NightshiftError('TrainerDied', 'it was killed');
    });
  const connection = await NativeConnection.connect({ address });
  await createSearchAttributes(connection, 'default');
  const client = new Client({ connection: await Connection.connect({ address }) });
  const workflowBundle = await bundleWorkflows();
  const activities = fakeActivities({ trainSteps });
  const workers = await Promise.all(
    [cpuQueue, gpuQueue].map((taskQueue) =>
      Worker.create({ connection, workflowBundle, activities, taskQueue }),
    ),
  );
  const running = workers.map((worker) => worker.run());
  await client.workflow.execute('trainingPipeline', {
    ...{ workflowId: 'seen', taskQueue: cpuQueue, args: [{ training }] },
  });
  await atEnd();
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await client.connection.close();
  await connection.close();
}

/** The names under which Prometheus would find something. */
async function scrapedNames(): Promise<Set<string>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return new Set(text.match(/^\w+(?=[{ ])/gm));
}

const dashboardQueries = (): string[] => {
  const file = new URL('../../infra/grafana/nightshift.json', import.meta.url);
  const { panels } = JSON.parse(readFileSync(file, 'utf8')) as {
    panels: { targets?: { expr: string }[] }[];
  };
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
};

test('every query of the dashboard names metrics that workers serve, and logs are JSON', async (t) => {
  const metrics = trainMetrics(installTelemetry(readSettings(settings)));
  const temporal = await startTestTemporal();
  let names = new Set<string>();
  const lookAtMetrics = async (): Promise<void> => {
    const step = { type: 'step', step: 1, loss: 2, learningRate: 0.1, imagesPerSecond: 9 } as const;
    metrics.onEvent(step);
    metrics.onEvent(step);
    const saved = { step: 1, sinceStep: 0, directory: '', stallMs: 3 };
    metrics.onEvent({ type: 'saved', saved });
    metrics.onPiece({ images: 9, seconds: 2, waitSeconds: 1 });
    metrics.checkpointAge(4);
    metrics.resumed(5);
    names = await scrapedNames();
  };
  const logged = await loggedBy(t, () => runOnce(temporal.address, lookAtMetrics));
  await temporal.stop();

  const queries = dashboardQueries();
  const wanted = queries.flatMap((query) => query.match(/\b(?:nightshift|temporal)_\w+/g)!);
  assert.ok(wanted.length >= queries.length);
  assert.deepEqual(
    wanted.filter((name) => !names.has(name)),
    [],
  );
  const shown = new Set(wanted.map((name) => name.replace(/_bucket$/, '')));
  const ours = [...names].filter((name) => /^nightshift_(?!.*_(sum|count)$)/.test(name));
  assert.deepEqual(
    ours.filter((name) => !shown.has(name.replace(/_bucket$/, ''))),
    [],
    'a metric of ours that no panel shows',
  );

  const entry = logged.find(({ msg }) => msg === 'trains')!;
  const { level, run, step: at, attempt, workflowId, taskToken } = entry;
  assert.deepEqual(
    { level, run, at, attempt, workflowId, taskToken },
    { level: 'INFO', run: 'r', at: 7, attempt: 1, workflowId: 'seen', taskToken: undefined },
  );
  assert.match(String(entry['time']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  // What the workflow says of it has a message of its own.
  const setback = logged.find(({ msg }) => msg === 'training segment failed')!;
  assert.match(String(setback['message']), /it was killed/);
});

test('metrics are served on loopback unless an address is named, and nowhere unless asked for', () => {
  const address = (NIGHTSHIFT_METRICS?: string) =>
    readSettings(NIGHTSHIFT_METRICS === undefined ? {} : { NIGHTSHIFT_METRICS }).metricsAddress;
  assert.equal(address(), undefined);
  assert.equal(address(''), undefined);
  assert.equal(address('9464'), '127.0.0.1:9464');
  assert.equal(address('0.0.0.0:9464'), '0.0.0.0:9464');
  assert.throws(() => address('yes'), /^Error: NIGHTSHIFT_METRICS=yes: must be a port/);
});
