/** The proof of resuming, in its short form: the command itself, on real servers. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { main } from '../../cli/main.ts';
import type { Verification } from '../../cli/view/verification.ts';
import { keepOutput } from '../cli/support.ts';
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
