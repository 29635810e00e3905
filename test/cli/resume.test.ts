import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { stopRun } from '../../cli/pause.ts';
import { resume } from '../../cli/resume.ts';
import { parseSetting } from '../../cli/input.ts';
import { set } from '../../cli/set.ts';
import type { ResumeOptions } from '../../cli/resume.ts';
import type { Outcome } from '../../cli/runs.ts';
import type { RunProgress } from '../../contract/progress.ts';
import {
  fakeRuns,
  fakeStack,
  openClone,
  progressAt,
  result,
  trainingAtStep400,
} from './support.ts';

/** A server with one run, `nightly`. */
async function openServer(
  t: TestContext,
  { outcome, ...change }: Partial<RunProgress> & { outcome?: Outcome } = {},
) {
  const { cli, out } = await openClone(t);
  const progress = progressAt('train', {}, { training: trainingAtStep400, ...change });
  const runs = fakeRuns({ progress, historyLength: 1, ...(outcome && { outcome }) });
  await runs.start('nightly', {});
  // The run that goes on from one that has ended goes on.
  const describe = runs.describe.bind(runs);
  runs.describe = async (id) => {
    const found = await describe(id);
    return id.includes('-resumed-') ? { ...found, status: 'running' } : found;
  };
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  return {
    ...{ runs, out },
    resume: (id: string | undefined, options: ResumeOptions = {}) => resume(cli, id, options, open),
    set: (...settings: string[]) => set(cli, 'nightly', settings.map(parseSetting), {}, open),
    stop: (how: Parameters<typeof stopRun>[1], id?: string) => stopRun(cli, how, id, {}, open),
  };
}

test('`stop` alone ends the training of the newest run that goes on, and says what follows', async (t) => {
  const { runs, out, stop } = await openServer(t);
  assert.equal(await stop('stop'), 0);
  assert.deepEqual(runs.stopped, ['nightly']);
  assert.match(out.text(), /^Run nightly ends its training where it is; predictions and report/);
});

test('`set` gives one order after the other, and says from when on each holds', async (t) => {
  const { runs, out, set } = await openServer(t);
  assert.equal(await set('learning-rate=0.01', 'epochs=12'), 0);
  assert.deepEqual(runs.set, ['learning rate 0.01', 'epochs 12']);
  assert.deepEqual(out.lines(), [
    'Run nightly: learning-rate 0.01, from the next milestone on.',
    'Run nightly: epochs 12, in all, to which schedules of the learning rate stretch.',
  ]);
});

const failed = { status: 'failed', type: 'Unexpected', message: 'gone' } as const;

test('a paused run itself goes on', async (t) => {
  const { runs, resume: goOn } = await openServer(t, { paused: true });
  assert.equal(await goOn('nightly'), 0);
  assert.deepEqual(runs.unpaused, ['nightly']);
  assert.equal(runs.started.size, 1);
});

test('`resume` alone, as a paused run shows it, goes on with the newest paused one', async (t) => {
  const { runs, resume: goOn } = await openServer(t, { paused: true });
  await runs.start('nightly-2', {});
  runs.progress = async (id) => progressAt('train', {}, { paused: id === 'nightly-2' });
  assert.equal(await goOn(undefined), 0);
  assert.deepEqual(runs.unpaused, ['nightly-2']);
});

test('`resume` alone means the newest run where none is paused', async (t) => {
  const { runs, resume: goOn } = await openServer(t, { outcome: failed });
  assert.equal(await goOn(undefined), 0);
  assert.deepEqual([...runs.started.values()].at(-1), { resumeFrom: 'nightly' });
});

test('a run that goes on by itself is left alone, with a word on how to fork it', async (t) => {
  const { runs, resume: goOn } = await openServer(t);
  await assert.rejects(goOn('nightly'), /goes on by itself.+--step or --set fork it/);
  assert.equal(runs.started.size, 1);
});

test('a completed run is not made once more, but forked', async (t) => {
  const { runs, resume: goOn } = await openServer(t, { outcome: { status: 'completed', result } });
  await assert.rejects(goOn('nightly'), /Run nightly is completed.+--set forks it.+--step/);
  assert.equal(runs.started.size, 1);
  assert.equal(await goOn('nightly', { step: 400 }), 0);
  assert.equal(runs.started.size, 2);
});

test('a failed run is taken over by a new one, named after it', async (t) => {
  const { runs, out, resume: goOn } = await openServer(t, { outcome: failed });
  assert.equal(await goOn('nightly'), 0);
  const [, [name, input] = []] = [...runs.started];
  assert.match(name ?? '', /^nightly-resumed-\d{8}-\d{6}$/);
  assert.deepEqual(input, { resumeFrom: 'nightly' });
  assert.match(out.text(), /Run nightly-resumed-\S+ goes on with nightly: http.+\nWatch it with/);
});

test('what a worker refuses is not said to go on, but why it can not', async (t) => {
  const message = 'resumeFrom: no run "lost" is in this bucket';
  const refused = { status: 'failed', type: 'InvalidConfig', message } as const;
  const { runs, out, resume: goOn } = await openServer(t);
  const describe = runs.describe.bind(runs);
  runs.describe = async (id) => ({ ...(await describe(id)), status: 'failed' });
  runs.outcome = () => Promise.resolve(refused);
  await assert.rejects(goOn('lost'), {
    message: /failed: InvalidConfig: resumeFrom: no run "lost"/,
  });
  assert.equal(out.text(), '');
});

test('a run that ended before it trained is begun anew by what it was started with', async (t) => {
  const { runs, resume: goOn } = await openServer(t, { outcome: failed });
  await runs.start('early', { preset: 'article' });
  runs.state.progress = progressAt('ingest');
  await goOn('early', { set: [{ path: ['training', 'epochs'], value: 9 }] });
  assert.deepEqual([...runs.started.values()].at(-1), {
    resumeFrom: { run: 'early', input: { preset: 'article' } },
    training: { epochs: 9 },
  });
});

test('a run that was resumed before keeps its first name', async (t) => {
  const { runs, resume: goOn } = await openServer(t);
  await goOn('weekly-resumed-20261124-101500');
  assert.match([...runs.started.keys()].at(-1)!, /^weekly-resumed-\d{8}-\d{6}$/);
});

test('a run that Temporal has lost is looked for in the store', async (t) => {
  const { runs, resume: goOn } = await openServer(t);
  assert.equal(await goOn('lost'), 0);
  assert.deepEqual([...runs.started.values()].at(-1), { resumeFrom: 'lost' });
});

test('with a step or other settings a run is forked, also while it goes on', async (t) => {
  const { runs, resume: goOn } = await openServer(t);
  await goOn('nightly', { step: 400, set: [{ path: ['training', 'epochs'], value: 9 }] });
  assert.deepEqual([...runs.started.values()].at(-1), {
    resumeFrom: { run: 'nightly', step: 400 },
    training: { epochs: 9 },
  });
});

test('pause and cancel mean the newest run when none is named, and say how to go on', async (t) => {
  const { runs, out, stop } = await openServer(t);
  runs.state.progress = progressAt('train', {}, { training: trainingAtStep400, paused: true });
  await stop('pause');
  await stop('cancel', 'nightly');
  assert.deepEqual([runs.paused, runs.cancelled], [['nightly'], ['nightly']]);
  assert.equal(
    out.lines()[0],
    'Run nightly is paused: its state after step 400 is stored, its GPU free; `npx nightshift resume nightly` goes on with it.',
  );
  assert.match(out.text(), /is being cancelled.+`npx nightshift resume nightly`/);
});
