/** The proof of resuming, in its short form: the command itself, on real servers. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { main } from '../../cli/main.ts';
import type { Verification } from '../../cli/view/verification.ts';
import { keepOutput } from '../cli/support.ts';
import { cifarArchive } from '../support/cifar-archive.ts';

/** Whose plan hits all workers, the trainer, the cpu worker and Temporal. */
const seed = '14';
const settings = [
  'dataset.limit=300',
  'training.epochs=8',
  'training.batchSize=32',
  'training.validateEverySteps=10',
  'training.checkpointEverySteps=4',
];

const trials = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('nightshift-verify-'));

test('a run under kills ends with the bits of an undisturbed one, and nothing is left behind', async () => {
  const before = trials();
  const out = keepOutput();
  const code = await main(
    [
      ...['verify-resume', '--json', '--kills', '4', '--seed', seed],
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
  assert.equal(costs.length, 4);
  assert.ok(costs.some(({ atStep }) => atStep > 0 && atStep < undisturbed.steps));
  assert.equal(intervalSteps, 4);
  assert.deepEqual(trials(), before);
});
