/** A run that came to its end, in a store: its record, its best state and its result, without any training. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../../contract/config.ts';
import { runResultKey } from '../../contract/keys.ts';
import { runResultManifestSchema } from '../../contract/manifests.ts';
import { planTraining } from '../../contract/plan.ts';
import type { CheckpointReference } from '../../contract/stages.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { checkpointAt, commitCheckpoint } from '../../model/checkpoint.ts';
import { writeRunRecord } from '../../model/run-record.ts';
import { commitManifest, writeData } from '../../storage/commit.ts';
import { sha256Hex } from '../../storage/hash.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { numerics, trainingInputs } from './training-inputs.ts';

export const metrics = { samples: 100, accuracy: 0.5, top5: 0.9, loss: 1.5 };
const timeline = [{ fromStep: 0, numerics }];

/** Its workflow is called `<run>-name`; its weights are its id, so that each run's are its own. */
export async function finishRun(
  store: ObjectStore,
  run: string,
  config: ConfigInput = {},
): Promise<{ checkpoint: CheckpointReference; digest: string }> {
  const inputs = { ...trainingInputs(config), run };
  const directory = await mkdtemp(join(tmpdir(), 'nightshift-finished-'));
  try {
    for (const name of [...bundleFiles, lossesFile, ledgerFile]) {
      await writeFile(join(directory, name), run);
    }
    const plan = planTraining(inputs.samples, inputs.config.training);
    const context = { inputs, timeline, validations: [], plan };
    const checkpoint = checkpointAt(inputs, timeline, 10);
    await commitCheckpoint(store, context, { checkpoint, parent: null, directory });
    await writeRunRecord(store, {
      ...{ run, workflowId: `${run}-name`, execution: { id: run, at: 1, revision: 0 } },
      ...{ preset: 'quickstart', inputs, timeline, validations: [], step: 10 },
    });
    const digest = sha256Hex(run);
    const bytes = Buffer.from(JSON.stringify(metrics));
    await commitManifest(store, runResultKey(run), runResultManifestSchema, {
      ...{ version: 1, generation: 0, kind: 'result', attempt: 'a', run },
      ...{ predictions: '5'.repeat(64), model: digest, checkpoint },
      files: await writeData(store, `runs/${run}/result/a/`, [{ name: 'metrics.json', bytes }]),
    });
    return { checkpoint, digest };
  } finally {
    await rm(directory, { recursive: true });
  }
}
