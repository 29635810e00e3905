/** Schedules on a real Temporal server, which starts runs of them that no worker takes up. */
import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseSetting } from '../../cli/input.ts';
import {
  createSchedule,
  listSchedules,
  orderSchedule,
  parseTimeOfDay,
} from '../../cli/schedule.ts';
import type { CreateOptions, ScheduleOrder } from '../../cli/schedule.ts';
import { schedulesOf } from '../../cli/schedules.ts';
import type { Schedule, Schedules } from '../../cli/schedules.ts';
import { startTestTemporal } from '../support/servers.ts';
import { until } from '../workflows/harness.ts';
import { fakeRuns, fakeStack, openClone, progressAt } from './support.ts';

process.env['TZ'] = 'UTC';

let client: Client;
let schedules: Schedules;
let stop: () => Promise<void>;
before(async () => {
  const temporal = await startTestTemporal();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  schedules = schedulesOf(client, new AbortController().signal);
  stop = async () => {
    await client.connection.close();
    await temporal.stop();
  };
});
after(() => stop());

type Opened = Awaited<ReturnType<typeof openClone>>['cli'];

/** What a command prints. */
async function said(
  t: TestContext,
  command: (cli: Opened, open: () => Promise<ReturnType<typeof fakeStack>>) => Promise<number>,
): Promise<string> {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('configure'), historyLength: 0 });
  assert.equal(await command(cli, async () => fakeStack(cli.root, runs, { schedules })), 0);
  return out.text();
}

const options = (own: Partial<CreateOptions> = {}): CreateOptions => ({
  ...{ at: parseTimeOfDay('02:30'), timezone: 'Europe/Berlin', jitter: 0, ...own },
});
const create = (t: TestContext, name: string, own?: Partial<CreateOptions>) =>
  said(t, (cli, open) => createSchedule(cli, name, options(own), open));
const order = (t: TestContext, how: ScheduleOrder, name: string, own: object = {}) =>
  said(t, (cli, open) => orderSchedule(cli, how, name, own, open));

test('a schedule starts runs at a time of the day in its zone, with the input that was given', async (t) => {
  const set = [parseSetting('promotion.model=pets')];
  const json = await create(t, 'nightly', { set, json: true, pauseOnFailure: true, jitter: 5 });
  const { input, next, pauseOnFailure } = JSON.parse(json) as Schedule;
  assert.deepEqual(input, { promotion: { model: 'pets' } });
  assert.equal(pauseOnFailure, true);
  const zone = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', timeStyle: 'short' });
  for (const at of next) assert.match(zone.format(at), /^02:3[0-5]$/);
  const { policies } = await client.schedule.getHandle('nightly').describe();
  assert.deepEqual([policies.overlap, policies.catchupWindow], ['SKIP', 3_600_000]);
});

test('a wrong configuration, time zone or name makes no schedule', async (t) => {
  const set = [parseSetting('training.epochs=0')];
  await assert.rejects(create(t, 'wrong', { set }), /training\.epochs: 0: Too small/);
  await assert.rejects(create(t, 'wrong', { timezone: 'Mars/Olympus' }), /no time zone 'Mars/);
  await create(t, 'twice');
  await assert.rejects(create(t, 'twice'), /There is a schedule 'twice' already/);
  await assert.rejects(order(t, 'show', 'wrong'), /There is no schedule 'wrong' on this server/);
  assert.throws(() => parseTimeOfDay('24:00'), /from 00:00 to 23:59/);
});

test('a schedule is paused with a reason, resumed, and deleted', async (t) => {
  await create(t, 'steered');
  assert.match(
    await order(t, 'pause', 'steered', { why: 'new camera' }),
    /^Schedule steered: paused \(new camera\), in Europe\/Berlin\n/,
  );
  assert.match(await order(t, 'resume', 'steered'), /^Schedule steered: on .*\n.*\nNext /);
  const listed = await said(t, (cli, open) => listSchedules(cli, {}, open));
  assert.match(listed, /^steered +on +20\d\d-/m);
  assert.match(await order(t, 'delete', 'steered'), /is deleted; its runs stay/);
  await assert.rejects(order(t, 'show', 'steered'), /There is no schedule/);
});

test('a run is started now, and the one after is left out while it is under way', async (t) => {
  await create(t, 'now');
  await order(t, 'trigger', 'now');
  await until(async () => (await schedules.describe('now')).runs.length === 1);
  const { runs } = await schedules.describe('now');
  const { type, taskQueue } = await client.workflow.getHandle(runs[0]!.run).describe();
  assert.deepEqual([type, taskQueue], ['trainingPipeline', 'cpu']);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await order(t, 'trigger', 'now');
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal((await schedules.describe('now')).runs.length, 1);
});

test('past days are made up for, as days of its zone', async (t) => {
  await create(t, 'late');
  await order(t, 'backfill', 'late', { from: '2026-11-20T02:00', to: '2026-11-20' });
  await until(async () => (await schedules.describe('late')).runs.length === 1);
  const [first] = (await schedules.describe('late')).runs;
  assert.equal(first!.run, 'late-2026-11-20T01:30:00Z');
});

test('the list passes over a schedule that is deleted while it is asked for', async (t) => {
  await create(t, 'there');
  t.mock.method(client.schedule, 'list', async function* () {
    for (const scheduleId of ['gone', 'there']) {
      yield { scheduleId, action: { workflowType: 'trainingPipeline' } };
    }
  });
  const found = await schedules.list();
  assert.deepEqual(
    found.map(({ name }) => name),
    ['there'],
  );
});
