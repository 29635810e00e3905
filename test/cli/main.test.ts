import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { TestContext } from 'node:test';
import { runTable } from '../../cli/list.ts';
import { main } from '../../cli/main.ts';
import { newRunId } from '../../cli/run-file.ts';
import { openClone, ten } from './support.ts';

process.env['TZ'] = 'UTC';

const commands = [
  ...['start', 'dev', 'train', 'status', 'list', 'watch', 'pause', 'resume'],
  ...['stop', 'cancel', 'set'],
  ...['models', 'promote', 'rollback', 'doctor', 'completion', 'verify-resume'],
];
const ofSchedules = ['create', 'list', 'show', 'pause', 'resume', 'trigger', 'backfill', 'delete'];

async function run(t: TestContext, ...args: string[]) {
  const { cli, out, err } = await openClone(t);
  return { code: await main(args, cli), out: out.text(), err: err.text() };
}

test('the help names every command', async (t) => {
  const { code, out } = await run(t, '--help');
  assert.equal(code, 0);
  for (const command of [...commands, 'schedule'])
    assert.match(out, new RegExp(`^  ${command} `, 'm'));
});

test('every command has help with an example, and --json', async (t) => {
  for (const words of [
    ...commands.map((name) => [name]),
    ...ofSchedules.map((name) => ['schedule', name]),
  ]) {
    const { code, out } = await run(t, ...words, '--help');
    assert.equal(code, 0);
    assert.match(out, /Examples:\n {2}\S/, words.join(' '));
    assert.match(out, /--json/, words.join(' '));
  }
});

test('bad usage ends with 2 and a sentence', async (t) => {
  for (const [args, sentence] of [
    [['strat'], /unknown command 'strat'\n\(Did you mean start\?\)/],
    [['start', '--fast'], /unknown option '--fast'/],
    [['start', '--preset', 'fast'], /Allowed choices are quickstart, article/],
    [['train', '--set', 'epochs'], /Expected key=value, such as training\.epochs=3/],
    [['set', 'nightly', 'rate=1'], /rate can not be set .+ only learning-rate and epochs/],
    [['set', 'nightly', 'epochs=many'], /epochs="many": must be a number/],
    [['list', '--limit', '0'], /Expected a whole number above 0/],
  ] as const) {
    const { code, err } = await run(t, ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err, sentence);
  }
});

test('a proof that can not be made is refused before servers start, and leaves no folder', async (t) => {
  for (const [args, sentence] of [
    [['--kills', '1001'], /Expected at most 1000/],
    [['--set', 'training.epocs=3'], /training\.epocs: 3: there is no such key/],
    [['--source', './none.tar.gz'], /--source \.\/none\.tar\.gz: can't be read \(ENOENT/],
  ] as const) {
    const { code, err } = await run(t, 'verify-resume', ...args);
    assert.equal(code, 2, err);
    assert.match(err, sentence);
  }
  const folder = `nightshift-verify-${process.pid}-`;
  assert.ok(!(await readdir(tmpdir())).some((name) => name.startsWith(folder)));
});

test('a server that is named but does not answer ends with 1 and its address', async (t) => {
  process.env['TEMPORAL_ADDRESS'] = '127.0.0.1:1';
  t.after(() => delete process.env['TEMPORAL_ADDRESS']);
  const { code, err } = await run(t, 'list');
  assert.equal(code, 1);
  assert.match(err, /^No Temporal server answers at 127\.0\.0\.1:1: check that it runs/);
});

test('a damaged file of the unfinished run names itself and the remedy', async (t) => {
  const { cli, err } = await openClone(t);
  const file = join(cli.root, '.nightshift', 'run.json');
  await mkdir(join(cli.root, '.nightshift'));
  await writeFile(file, '{"workflowId":');
  assert.equal(await main(['start'], cli), 2);
  assert.equal(err.text(), `${file} does not name a run; delete it to start a new one.\n`);
});

test('runs are listed in columns', () => {
  const runs = [
    { id: 'quickstart-20261124-095500', runId: 'a', status: 'running', startedAt: ten - 300_000 },
    { id: 'b', runId: 'b', status: 'failed', startedAt: ten - 9e6, endedAt: ten - 9e6 + 1_500 },
  ] as const;
  assert.deepEqual(runTable(runs, ten), [
    'RUN                         STATUS   STARTED              TOOK',
    'quickstart-20261124-095500  running  2026-11-24 09:55:00  5 m 00 s',
    'b                           failed   2026-11-24 07:30:00  1.5 s',
  ]);
});

test("a run's id tells its preset and when it was started", () => {
  assert.equal(newRunId({}, new Date(ten)), 'quickstart-20261124-100000');
  assert.equal(newRunId({ preset: 'article' }, new Date(ten)), 'article-20261124-100000');
});

test('output that nobody reads any more ends a command without a word', async () => {
  const entry = new URL('../../nightshift.mjs', import.meta.url).pathname;
  const { stderr } = await promisify(execFile)('bash', [
    '-c',
    'node "$0" completion bash | true; exit ${PIPESTATUS[0]}',
    entry,
  ]);
  assert.equal(stderr, '');
});
