import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askForState } from '../../cli/checkpoint.ts';
import { dev } from '../../cli/dev.ts';
import { parseSetting } from '../../cli/input.ts';
import { list } from '../../cli/list.ts';
import { promote } from '../../cli/promote.ts';
import { resume } from '../../cli/resume.ts';
import { retry } from '../../cli/retry.ts';
import { status } from '../../cli/status.ts';
import { train } from '../../cli/train.ts';
import { watch } from '../../cli/watch.ts';
import type { PromotionState } from '../../contract/promotion.ts';
import { fakeRuns, fakeStack, openClone, progressAt, result, ten } from './support.ts';

process.env['TZ'] = 'UTC';

const awaiting: PromotionState = {
  ...{ model: 'pets', status: 'awaiting approval', champion: null, deadline: ten },
  gate: {
    ...{ passed: true, samples: 20 },
    rules: [{ rule: 'accuracy', measured: 0.5, limit: 0.4, passed: true, text: 'so much' }],
  },
};

const outcome = { status: 'completed', result } as const;

test('dev says where everything is, and stops at Ctrl-C', async (t) => {
  const { cli, out } = await openClone(t);
  const stack = fakeStack(
    cli.root,
    fakeRuns({ progress: progressAt('configure'), historyLength: 0 }),
  );
  const code = dev(cli, {}, () => Promise.resolve(stack));
  while (!out.text().includes('Ctrl-C')) await new Promise((done) => setTimeout(done, 5));
  assert.match(
    out.text(),
    /http:\/\/127\.0\.0\.1:8233\/namespaces\/default\/workflows\/start-workflow\?taskQueue=cpu&workflowType=trainingPipeline&workflowId=template-trainingPipeline\n/,
  );
  assert.equal(stack.closed(), 0);
  process.emit('SIGINT');
  assert.equal(await code, 130);
  assert.equal(stack.closed(), 1);
});

test('dev refuses when the servers of this clone run already', async (t) => {
  const { cli } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('configure'), historyLength: 0 });
  const stack = { ...fakeStack(cli.root, runs), own: false };
  await assert.rejects(
    dev(cli, {}, () => Promise.resolve(stack)),
    /run already, with their UI at http:\/\/127\.0\.0\.1:8233/,
  );
});

test('train starts a run and says how to watch it', async (t) => {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('ingest'), historyLength: 1 });
  const servers = fakeStack(cli.root, runs);
  assert.equal(await train(cli, { preset: 'article' }, () => Promise.resolve(servers)), 0);
  const [[id, input] = []] = [...runs.started];
  assert.deepEqual(input, { preset: 'article' });
  assert.deepEqual(out.lines(), [
    `Started run ${id}: http://127.0.0.1:8233/namespaces/default/workflows/${id}`,
    `Watch it with \`npx nightshift watch ${id}\`.`,
  ]);
});

test('train names each problem of a configuration, and starts no run with it', async (t) => {
  const { cli } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('ingest'), historyLength: 1 });
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  for (const [settings, message] of [
    [
      ['dataset.limt=600', 'training.epochs=0'],
      /- dataset\.limt: 600: there is no such key.+\n- training\.epochs: 0: Too small/,
    ],
    [['preset=quick'], /- preset: "quick" is none of quickstart, article/],
    [['dataset.limit=30'], /- training\.batchSize: 64 is larger than the training set/],
  ] as const) {
    await assert.rejects(train(cli, { set: settings.map(parseSetting) }, open), { message });
  }
  assert.equal(runs.started.size, 0);
});

test('train --wait ends as the run does', async (t) => {
  const { cli } = await openClone(t);
  const failed = { status: 'failed', type: 'Diverged', message: 'loss is NaN' } as const;
  for (const [end, code] of [
    [outcome, 0],
    [failed, 1],
  ] as const) {
    const runs = fakeRuns({ progress: progressAt('report'), historyLength: 1, outcome: end });
    const servers = fakeStack(cli.root, runs);
    assert.equal(await train(cli, { wait: true }, () => Promise.resolve(servers)), code);
  }
});

test('watch and status mean the newest run when none is named', async (t) => {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('report'), historyLength: 1, outcome });
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await assert.rejects(watch(cli, undefined, {}, open), /There is no run on this server yet/);
  await runs.start('article-1', {});
  assert.equal(await watch(cli, undefined, {}, open), 0);
  assert.equal(await status(cli, undefined, { json: true }, open), 0);
  const seen = JSON.parse(out.lines().at(-1) ?? '') as Record<string, unknown>;
  assert.equal(seen['id'], 'article-1');
  assert.deepEqual(seen['outcome'], outcome);
});

test('status shows a run that goes on, with its page', async (t) => {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('split'), historyLength: 1 });
  await runs.start('a', {});
  await status(cli, 'a', {}, () => Promise.resolve(fakeStack(cli.root, runs)));
  assert.match(out.lines()[0] ?? '', /^Run a: running, started 2026-11-24 10:00:00, /);
  assert.equal(out.lines()[1], '✓ configure     0.4 s');
  assert.equal(
    out.lines().at(-1),
    'Temporal UI  http://127.0.0.1:8233/namespaces/default/workflows/a',
  );
});

test('a paused run is listed and shown as that', async (t) => {
  const { cli, out } = await openClone(t);
  const progress = progressAt('train', {}, { paused: true });
  const runs = fakeRuns({ progress, historyLength: 1 });
  await runs.start('a', {});
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await list(cli, { limit: 1 }, open);
  assert.match(out.lines()[1] ?? '', /^a +paused /);
  await status(cli, 'a', {}, open);
  assert.match(out.text(), /^Run a: paused, started/m);
  runs.state.outcome = { status: 'cancelled' };
  await list(cli, { limit: 1 }, open);
  assert.match(out.lines().at(-1) ?? '', /^a +cancelled /);
});

test('a held run is listed and shown as that, with what broke and what to do', async (t) => {
  const { cli, out } = await openClone(t);
  const held = { stage: 'split', at: ten, message: 'no such folder' } as const;
  const runs = fakeRuns({ progress: progressAt('split', {}, { held }), historyLength: 1 });
  await runs.start('a', {});
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await list(cli, { limit: 1 }, open);
  assert.match(out.lines()[1] ?? '', /^a +held /);
  await status(cli, 'a', {}, open);
  assert.match(out.text(), /^Run a: held, started/m);
  assert.match(out.text(), /^held since 10:00:00: the stage split has failed: no such folder$/m);
  assert.match(out.text(), /^mend what is wrong, then `npx nightshift retry` tries it again/m);
  await assert.rejects(resume(cli, 'a', {}, open), /`npx nightshift retry a` goes on with it/);
});

test('retry means the newest run that is held, and says so where none is', async (t) => {
  const { cli, out } = await openClone(t);
  const held = { stage: 'split', at: ten, message: 'no such folder' } as const;
  const runs = fakeRuns({ progress: progressAt('split', {}, { held }), historyLength: 1 });
  await runs.start('a', {});
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await retry(cli, undefined, {}, open);
  assert.deepEqual(runs.retried, ['a']);
  assert.match(out.text(), /^Run a goes on with the stage split\./);
  runs.state.progress = progressAt('split');
  await assert.rejects(retry(cli, undefined, {}, open), /No run is held on this server/);
});

test('checkpoint says which state is stored and where, validate what it is worth', async (t) => {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('train'), historyLength: 1 });
  await runs.start('a', {});
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await askForState(cli, 'checkpoint', 'a', {}, open);
  await askForState(cli, 'validate', undefined, {}, open);
  await askForState(cli, 'checkpoint', 'a', { json: true }, open);
  const key = 'runs/r/l/000001400/manifest.json';
  assert.deepEqual(out.lines().slice(0, 2), [
    `Run a: the state after step 1,400 is stored: ${key}`,
    'Run a: validation of the state after step 1,400: accuracy 50.0 %, top-5 90.0 %, loss 1.250.',
  ]);
  assert.deepEqual(JSON.parse(out.lines()[2]!), { run: 'a', step: 1_400, key });
});

test('validate says of a loss that is no number that it is none', async (t) => {
  const { cli, out } = await openClone(t);
  const validation = { step: 6, epoch: 1, loss: NaN, accuracy: 0.1, top5: 0.5 };
  const asTold = JSON.parse(JSON.stringify(validation)) as typeof validation;
  const runs = fakeRuns({ progress: progressAt('train'), historyLength: 1 });
  runs.validateNow = () => Promise.resolve(asTold);
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await askForState(cli, 'validate', 'a', {}, open);
  assert.match(out.text(), /after step 6: accuracy 10\.0 %, top-5 50\.0 %, loss no number\.$/m);
});

test('list --json prints the runs as one array', async (t) => {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('split'), historyLength: 1 });
  await runs.start('a', {});
  await runs.start('b', {});
  await list(cli, { json: true, limit: 1 }, () => Promise.resolve(fakeStack(cli.root, runs)));
  const listed = JSON.parse(out.text()) as { id: string }[];
  assert.deepEqual(
    listed.map(({ id }) => id),
    ['a'],
  );
});

test('promote of a run that awaits approval approves it, and --reject rejects it', async (t) => {
  const { cli, out } = await openClone(t);
  const progress = progressAt('promote', {}, { promotion: awaiting });
  const runs = fakeRuns({ progress, historyLength: 1 });
  await runs.start('night', {});
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await promote(cli, 'night', { why: 'looks right' }, open);
  await promote(cli, 'night', { reject: true }, open);
  assert.deepEqual(runs.decided, [
    { approved: true, why: 'looks right' },
    { approved: false, why: 'rejected on the command line' },
  ]);
  assert.deepEqual(out.lines(), ['Run night is told: approved.', 'Run night is told: rejected.']);
});

test('promote says what is missing: a model, or a promotion to reject', async (t) => {
  const { cli } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('report'), historyLength: 1 });
  await runs.start('a', {});
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await assert.rejects(promote(cli, 'a', {}, open), /say which .* with --model/);
  await assert.rejects(promote(cli, 'a', { reject: true }, open), /awaits no approval/);
});

test('status shows what becomes of the model, rule by rule', async (t) => {
  const { cli, out } = await openClone(t);
  const progress = progressAt('promote', {}, { promotion: awaiting });
  const runs = fakeRuns({ progress, historyLength: 1 });
  await runs.start('night', {});
  await status(cli, 'night', {}, () => Promise.resolve(fakeStack(cli.root, runs)));
  assert.ok(out.lines().includes('    ✓ accuracy: so much'));
  assert.match(out.text(), /awaits approval as champion of pets until 2026-11-24 10:00 UTC/);
  assert.match(out.text(), /`npx nightshift promote night` approves it, with --reject/);
});
