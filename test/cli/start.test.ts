import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCodes } from '../../cli/cli.ts';
import type { Cli } from '../../cli/cli.ts';
import { parseSetting } from '../../cli/input.ts';
import { readUnfinishedRun, writeUnfinishedRun } from '../../cli/run-file.ts';
import { start } from '../../cli/start.ts';
import type { StartOptions } from '../../cli/start.ts';
import { fakeRuns, fakeStack, openClone, progressAt, result } from './support.ts';
import type { FakeRuns } from './support.ts';

const unfinished = { workflowId: 'quickstart-20261123-220000', input: {} };
const endsWell = () =>
  fakeRuns({
    progress: progressAt('report'),
    historyLength: 9,
    outcome: { status: 'completed', result },
  });

function startOn(cli: Cli, runs: FakeRuns, options: StartOptions = {}) {
  const stack = fakeStack(cli.root, runs);
  return { stack, code: start(cli, options, () => Promise.resolve(stack)) };
}

test('a first start begins a run with the input that the options ask for', async (t) => {
  const { cli, out } = await openClone(t);
  const runs = endsWell();
  const set = [parseSetting('training.epochs=2')];
  const { stack, code } = startOn(cli, runs, { preset: 'article', set });
  assert.equal(await code, exitCodes.ok);
  const [[id, input] = []] = [...runs.started];
  assert.match(String(id), /^article-\d{8}-\d{6}$/);
  assert.deepEqual(input, { preset: 'article', training: { epochs: 2 } });
  assert.match(out.text(), /Test accuracy 52\.3 %/);
  assert.match(out.text(), /Report {7}\.nightshift\/s3\/data\/nightshift\/stages\/a\/report\.html/);
  assert.equal(stack.closed(), 1);
});

test('a configuration that can not be starts nothing, and leaves an unfinished run alone', async (t) => {
  const { cli } = await openClone(t);
  await writeUnfinishedRun(cli.root, unfinished);
  const runs = endsWell();
  const set = [parseSetting('dataset.limt=600')];
  const { stack, code } = startOn(cli, runs, { new: true, set });
  await assert.rejects(code, {
    exitCode: exitCodes.usage,
    message: /^The configuration is not valid.+\n- dataset\.limt: 600: there is no such key/,
  });
  assert.deepEqual([runs.started.size, runs.cancelled.length, stack.closed()], [0, 0, 0]);
  assert.deepEqual(await readUnfinishedRun(cli.root), unfinished);
});

test('once the end was shown, the run is no longer unfinished', async (t) => {
  const { cli } = await openClone(t);
  await startOn(cli, endsWell()).code;
  assert.equal(await readUnfinishedRun(cli.root), undefined);
});

test('of an unfinished run that has ended, the end is shown', async (t) => {
  const { cli, out } = await openClone(t);
  await writeUnfinishedRun(cli.root, unfinished);
  const runs = endsWell();
  await runs.start(unfinished.workflowId, {});
  assert.equal(await startOn(cli, runs).code, exitCodes.ok);
  assert.match(out.text(), /Ended meanwhile: run quickstart-20261123-220000: http/);
  assert.deepEqual([...runs.started.keys()], [unfinished.workflowId]);
});

test('a start that was cut off before the server heard of it begins under the same id', async (t) => {
  const { cli } = await openClone(t);
  await writeUnfinishedRun(cli.root, { ...unfinished, input: { preset: 'article' } });
  const runs = endsWell();
  await startOn(cli, runs).code;
  assert.deepEqual([...runs.started], [[unfinished.workflowId, { preset: 'article' }]]);
});

test('options that ask for another run than the unfinished one are refused, with both remedies', async (t) => {
  const { cli } = await openClone(t);
  await writeUnfinishedRun(cli.root, { ...unfinished, input: { training: { epochs: 5 } } });
  const runs = endsWell();
  const { stack, code } = startOn(cli, runs, { preset: 'article' });
  await assert.rejects(code, {
    exitCode: exitCodes.usage,
    message:
      'Run quickstart-20261123-220000 is unfinished and was started with --set training.epochs=5: go on with it by `npm start` alone, or cancel it and start another with `npm start -- --new --preset article`.',
  });
  assert.equal(runs.started.size, 0);
  assert.equal(stack.closed(), 0);
});

test('options that ask for the same as the unfinished run go on with it', async (t) => {
  const { cli } = await openClone(t);
  await writeUnfinishedRun(cli.root, { ...unfinished, input: { preset: 'article' } });
  const runs = endsWell();
  assert.equal(await startOn(cli, runs, { preset: 'article' }).code, exitCodes.ok);
  assert.deepEqual([...runs.started.keys()], [unfinished.workflowId]);
});

test('--new cancels the unfinished run and starts another', async (t) => {
  const { cli, out } = await openClone(t);
  await writeUnfinishedRun(cli.root, unfinished);
  const runs = endsWell();
  await runs.start(unfinished.workflowId, {});
  assert.equal(await startOn(cli, runs, { new: true, preset: 'article' }).code, exitCodes.ok);
  assert.deepEqual(runs.cancelled, [unfinished.workflowId]);
  assert.match(out.text(), /Run quickstart-20261123-220000 is being cancelled\./);
  assert.equal(runs.started.size, 2);
});

test('--new does not mind an unfinished run that the server does not know', async (t) => {
  const { cli, out } = await openClone(t);
  await writeUnfinishedRun(cli.root, unfinished);
  const runs = endsWell();
  assert.equal(await startOn(cli, runs, { new: true }).code, exitCodes.ok);
  assert.doesNotMatch(out.text(), /cancelled/);
  assert.equal(runs.started.size, 1);
});

test('an unfinished run is gone on with', async (t) => {
  const { cli, out } = await openClone(t);
  await writeUnfinishedRun(cli.root, unfinished);
  const runs = fakeRuns({ progress: progressAt('train'), historyLength: 9 });
  await runs.start(unfinished.workflowId, {});
  const { code } = startOn(cli, runs);
  while (runs.queries === 0) await new Promise((done) => setTimeout(done, 5));
  runs.state.outcome = { status: 'completed', result };
  assert.equal(await code, exitCodes.ok);
  assert.match(out.text(), /Going on with run quickstart-20261123-220000: http/);
  assert.deepEqual([...runs.started.keys()], [unfinished.workflowId]);
});

test('Ctrl-C closes the stack, keeps the run as unfinished and says how to go on', async (t) => {
  const { cli, out } = await openClone(t);
  await writeUnfinishedRun(cli.root, unfinished);
  const runs = fakeRuns({ progress: progressAt('train'), historyLength: 9 });
  const listeners = process.listenerCount('SIGINT');
  const { stack, code } = startOn(cli, runs);
  while (runs.queries === 0) await new Promise((done) => setTimeout(done, 5));
  process.emit('SIGINT');
  assert.equal(await code, exitCodes.interrupted);
  assert.equal(stack.closed(), 1);
  assert.deepEqual(await readUnfinishedRun(cli.root), unfinished);
  assert.match(out.text(), /Ctrl-C: the workers save the state they reached/);
  assert.equal(
    out.lines().at(-1),
    'Stopped. `npm start` goes on with run quickstart-20261123-220000 from its last checkpoint.',
  );
  assert.equal(process.listenerCount('SIGINT'), listeners);
});

test('a failed run ends with 1, a wrong configuration with 2, and neither stays unfinished', async (t) => {
  for (const [type, code] of [
    ['TrainerDied', exitCodes.failed],
    ['InvalidConfig', exitCodes.usage],
  ] as const) {
    const { cli } = await openClone(t);
    const outcome = { status: 'failed', type, message: 'why' } as const;
    const runs = fakeRuns({ progress: progressAt('train'), historyLength: 9, outcome });
    assert.equal(await startOn(cli, runs).code, code);
    assert.equal(await readUnfinishedRun(cli.root), undefined);
  }
});

test('--json prints JSON Lines, the outcome last', async (t) => {
  const { cli, out } = await openClone(t);
  await startOn(cli, endsWell(), { json: true }).code;
  const lines = out.lines().map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(lines.at(-1)?.['status'], 'completed');
  assert.deepEqual(lines.at(-1)?.['result'], result);
});

test('a stack is closed when the run cannot be followed', async (t) => {
  const { cli } = await openClone(t);
  const runs = { ...endsWell(), describe: () => Promise.reject(new Error('broken')) };
  const stack = fakeStack(cli.root, runs);
  await assert.rejects(
    start(cli, {}, () => Promise.resolve(stack)),
    /broken/,
  );
  assert.equal(stack.closed(), 1);
});
