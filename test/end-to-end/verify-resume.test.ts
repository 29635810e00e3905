/** The proof of resuming, in its short form: the command itself, on real servers. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { main } from '../../cli/main.ts';
import type { Verification } from '../../cli/view/verification.ts';
import { keepOutput } from '../cli/support.ts';
import { isAlive, signal } from '../../infra/local/process-identity.mjs';
import { survivor } from '../../infra/local/processes.ts';
import { trainersBelow } from '../../infra/local/trainers.ts';
import { until } from '../infra-local/waiting.ts';
import { cifarArchive } from '../support/cifar-archive.ts';

/** Whose plan kills the trainer, tells its worker to stop, and kills everything. */
const seed = '766';
const settings = [
  'dataset.limit=300',
  'training.epochs=4',
  'training.batchSize=32',
  'training.validateEverySteps=10',
  'training.checkpointEverySteps=4',
];

test('a run under kills ends with the bits of an undisturbed one, and nothing is left behind', async () => {
  const out = keepOutput();
  const code = await main(
    [
      ...['verify-resume', '--json', '--kills', '3', '--seed', seed],
      ...['--source', await cifarArchive()],
      ...settings.flatMap((setting) => ['--set', setting]),
    ],
    { out },
  );
  const verification = JSON.parse(out.lines().at(-1)!) as Verification;
  assert.deepEqual(verification.differences, []);
  assert.equal(code, 0);
  const { undisturbed, killed, costs, intervalSteps } = verification;
  assert.equal(killed.finalDigest, undisturbed.finalDigest);
  assert.equal(costs.length, 3);
  assert.ok(costs.every(({ atStep }) => atStep > 0));
  assert.equal(intervalSteps, 4);
  const folder = `nightshift-verify-${process.pid}-`;
  assert.ok(!(await readdir(tmpdir())).some((name) => name.startsWith(folder)));
  const processes = execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' });
  assert.ok(!processes.includes(folder), processes);
});

const parts = ['temporal', 's3', 'cpu', 'gpu-1', 'gpu-2'];

/** The command in a process of its own, once all parts of its first trial run and it trains. */
async function startCommand() {
  const script = fileURLToPath(import.meta.resolve('../../nightshift.mjs'));
  const args = [script, 'verify-resume', '--kills', '3', '--source', await cifarArchive()];
  const command = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = once(command, 'exit') as Promise<[number | null]>;
  const prefix = `nightshift-verify-${command.pid}-`;
  const folders = async (): Promise<string[]> =>
    (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  const living = async () => {
    const [folder] = await folders();
    if (folder === undefined) return [];
    const directory = join(tmpdir(), folder, 'undisturbed');
    return parts.flatMap((part) => survivor(directory, part) ?? []);
  };
  await until('all parts run', async () => (await living()).length === parts.length);
  const processes = await living();
  const hasBegun = (): boolean =>
    processes.flatMap(trainersBelow).some(({ step }) => step !== undefined);
  await until('the first step is taken', hasBegun);
  return { command, ended, folders, processes, trainers: processes.flatMap(trainersBelow) };
}

test('Ctrl-C ends it all, and leaves nothing behind', async () => {
  const { command, ended, folders, processes, trainers } = await startCommand();
  command.kill('SIGINT');
  assert.equal((await ended)[0], 130);
  assert.deepEqual([...processes, ...trainers].filter(isAlive), []);
  assert.deepEqual(await folders(), []);
});

test('of a command that is killed no process is left, frozen ones too', async () => {
  const { command, ended, folders, processes, trainers } = await startCommand();
  const isOfTrainer = (worker: (typeof processes)[number]): boolean =>
    trainersBelow(worker).length > 0;
  for (const known of [...processes.filter(isOfTrainer), ...trainers]) signal(known, 'SIGSTOP');
  command.kill('SIGKILL');
  await ended;
  await until('all have ended', () => ![...processes, ...trainers].some(isAlive));
  for (const folder of await folders()) await rm(join(tmpdir(), folder), { recursive: true });
});
