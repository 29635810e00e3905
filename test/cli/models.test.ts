/** The commands on the registry of models, on a real Temporal server over a store in memory. */
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { TestContext } from 'node:test';
import { durable } from '../../activities/durable.ts';
import { promoteByHand } from '../../activities/promote-model.ts';
import { rollBackModel } from '../../activities/roll-back-model.ts';
import { models } from '../../cli/models.ts';
import { person, promote, rollback } from '../../cli/promote.ts';
import { registryOf } from '../../cli/registry.ts';
import type { Registry } from '../../cli/registry.ts';
import { cpuQueue } from '../../contract/queues.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { openTestServices } from '../support/data-services.ts';
import { finishRun } from '../support/finished-run.ts';
import { startTestTemporal } from '../support/servers.ts';
import { fakeActivities } from '../workflows/fake-activities.ts';
import { bundleWorkflows } from '../workflows/harness.ts';
import { fakeRuns, fakeStack, openClone, progressAt } from './support.ts';

process.env['TZ'] = 'UTC';

let registry: Registry;
let stop: () => Promise<void>;
let store: ObjectStore;
let remove: () => Promise<void>;

before(async () => {
  // What is refused here is no news.
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const temporal = await startTestTemporal();
  const connection = await NativeConnection.connect({ address: temporal.address });
  const client = new Client({
    connection: await Connection.connect({ address: temporal.address }),
  });
  const services = await openTestServices();
  const inStore = () => ({ ...services, store });
  const worker = await Worker.create({
    ...{ connection, taskQueue: cpuQueue, workflowBundle: await bundleWorkflows() },
    activities: fakeActivities({
      promoteByHand: (input) => durable((step) => promoteByHand(inStore(), input, step)),
      rollBackModel: (input) => durable((step) => rollBackModel(inStore(), input, step)),
    }),
  });
  const running = worker.run();
  registry = registryOf(client, new AbortController().signal);
  remove = () => services.remove();
  stop = async () => {
    worker.shutdown();
    await running;
    await client.connection.close();
    await connection.close();
    await temporal.stop();
  };
});
after(async () => {
  await stop();
  await remove();
});
beforeEach(() => void (store = openMemoryStore()));

/** What a command prints, line by line. */
async function lines(
  t: TestContext,
  command: (
    cli: Awaited<ReturnType<typeof openClone>>['cli'],
    open: () => Promise<ReturnType<typeof fakeStack>>,
  ) => Promise<number>,
): Promise<string[]> {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('configure'), historyLength: 0 });
  const own = { registry, openStore: async () => store };
  assert.equal(await command(cli, async () => fakeStack(cli.root, runs, own)), 0);
  return out.lines();
}

test('a run is promoted, another follows it, and one command takes that back', async (t) => {
  const digests: string[] = [];
  for (const run of ['run-a', 'run-b']) {
    digests.push((await finishRun(store, run)).digest.slice(0, 12));
    const said = await lines(t, (cli, open) =>
      promote(cli, `${run}-name`, { model: 'pets', why: 'tried it' }, open),
    );
    assert.deepEqual(said, [
      `The champion of pets is now the model of run ${run}-name (version ${digests.at(-1)}, test accuracy 50.0 % on 100 images), generation ${digests.length}.`,
    ]);
  }
  const [back] = await lines(t, (cli, open) => rollback(cli, 'pets', {}, open));
  assert.match(back!, /^The champion of pets is now the model of run run-a-name .*generation 3\.$/);

  const [head, row, ...more] = await lines(t, (cli, open) => models(cli, undefined, {}, open));
  assert.match(head!, /^MODEL +CHAMPION +SINCE +ACCURACY +RUN$/);
  assert.match(row!, new RegExp(`^pets +${digests[0]} +20\\d\\d-.* 50\\.0 % +run-a-name$`));
  assert.deepEqual(more, []);

  const history = await lines(t, (cli, open) => models(cli, 'pets', {}, open));
  assert.match(history[1]!, /^3 .* rollback .* rolled back by hand$/);
  assert.match(history[2]!, new RegExp(`^2 .* promotion .* ${person()} +tried it$`));
  assert.match(
    history.at(-2)!,
    /^Model +s3:\/\/memory\/models\/pets\/versions\/.*\/variables\.\*$/,
  );
});

test('models --json has the champion with its files, and the whole history', async (t) => {
  await finishRun(store, 'run-a');
  await lines(t, (cli, open) => promote(cli, 'run-a', { model: 'pets' }, open));
  const [json] = await lines(t, (cli, open) => models(cli, 'pets', { json: true }, open));
  const { champion, history } = JSON.parse(json!) as {
    champion: { files: unknown[] };
    history: { generation: number }[];
  };
  assert.equal(champion.files.length, 2);
  assert.deepEqual(
    history.map(({ generation }) => generation),
    [1],
  );
});

test('what is wrong is said with the remedy, and ends with 2', async (t) => {
  const refused = (command: Parameters<typeof lines>[1], message: RegExp) =>
    assert.rejects(lines(t, command), { name: 'CommandError', exitCode: 2, message });
  await refused(
    (cli, open) => promote(cli, 'nobody', { model: 'My Model' }, open),
    /^model: "My Model": must be 1 to 63 of a-z/,
  );
  await refused(
    (cli, open) => promote(cli, 'nobody', { model: 'pets' }, open),
    /^run: "nobody": no run that came to its end .* 'nightshift list' shows/,
  );
  await refused((cli, open) => rollback(cli, 'pets', {}, open), /it has no champion/);
  await refused((cli, open) => models(cli, 'pets', {}, open), /has no model 'pets'/);
});

test('while no one can tell whether a run awaits approval nothing is promoted', async (t) => {
  const { cli } = await openClone(t);
  const progress = progressAt('promote');
  const runs = fakeRuns({ progress, away: true, historyLength: 0 });
  const open = async () => fakeStack(cli.root, runs, { registry });
  await finishRun(store, 'run-a');
  await assert.rejects(promote(cli, 'run-a', { model: 'pets' }, open), { name: 'ServerAway' });
  runs.state.away = false;
  const unknown = promote(cli, 'run-a', {}, open);
  await assert.rejects(unknown, /has no run of the name 'run-a': say which .* with --model/);
});
