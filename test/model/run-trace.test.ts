import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { planTraining } from '../../contract/plan.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { checkpointAt, commitCheckpoint } from '../../model/checkpoint.ts';
import { checkpointChain, readLedger, readLosses } from '../../model/run-trace.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

test('losses and ledger are read along the chain of checkpoints, and losses that are lost are no numbers', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'nightshift-trace-'));
  t.after(() => rm(directory, { recursive: true }));
  const store = openMemoryStore();
  const inputs = trainingInputs();
  const plan = planTraining(inputs.samples, inputs.config.training);
  // A decision in between: the chain goes on under another lineage.
  const timeline = [
    { fromStep: 0, numerics },
    { fromStep: 2, learningRateFactor: 0.5 },
  ];
  const at = (step: number) => checkpointAt(inputs, timeline, step);
  for (const { step, parent, losses, ids } of [
    { step: 2, parent: null, losses: [1.5, 1.25], ids: 'a\nb\n' },
    { step: 3, parent: at(2), losses: [0.5], ids: 'c\n' },
  ]) {
    for (const name of bundleFiles) await writeFile(join(directory, name), name);
    await writeFile(join(directory, lossesFile), new Uint8Array(Float32Array.from(losses).buffer));
    await writeFile(join(directory, ledgerFile), ids);
    const context = { inputs, timeline, validations: [], plan };
    await commitCheckpoint(store, context, { checkpoint: at(step), parent, directory });
  }
  assert.deepEqual(await readLosses(store, at(3)), [1.5, 1.25, 0.5]);
  assert.deepEqual(await readLedger(store, at(3)), ['a', 'b', 'c']);
  assert.deepEqual(
    (await checkpointChain(store, at(3))).map(({ step }) => step),
    [2, 3],
  );

  const [first] = await checkpointChain(store, at(3));
  await store.delete([first!.files.find(({ name }) => name === lossesFile)!.key]);
  assert.deepEqual(await readLosses(store, at(3)), [Number.NaN, Number.NaN, 0.5]);
});
