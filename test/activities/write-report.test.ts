/** What a run came to: of executions of one run (a Reset) the later one's result stands. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { writeReport } from '../../activities/write-report.ts';
import type { ReportRequest } from '../../activities/write-report.ts';
import { configSchema } from '../../contract/config.ts';
import { runResultKey, stageManifestKey } from '../../contract/keys.ts';
import { runResultManifestSchema, shardSetManifestSchema } from '../../contract/manifests.ts';
import { planTraining } from '../../contract/plan.ts';
import { encodeShard } from '../../data/tfrecord.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { checkpointAt, commitCheckpoint } from '../../model/checkpoint.ts';
import { commitManifest, readFileOf, readManifest, writeData } from '../../storage/commit.ts';
import { openTestServices, testStep } from '../support/data-services.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const inputs = trainingInputs();
const timeline = [{ fromStep: 0, numerics }];
const testSet = 'a'.repeat(64);
const image = { id: 'one', label: 0, image: new Uint8Array(3), height: 1, width: 1 };

let services: Awaited<ReturnType<typeof openTestServices>>;
beforeEach(async () => {
  services = await openTestServices();
  const { bytes } = encodeShard([image], 2);
  await writeSet(testSet, 'test.tfrecord', bytes);
  for (const step of [10, 20]) {
    for (const name of bundleFiles) await writeFile(join(services.scratch, name), `${step}`);
    await writeFile(join(services.scratch, lossesFile), new Uint8Array(4 * 10));
    await writeFile(join(services.scratch, ledgerFile), '');
    const plan = planTraining(inputs.samples, inputs.config.training);
    const parent = step === 10 ? null : checkpointAt(inputs, timeline, 10);
    await commitCheckpoint(
      services.store,
      { inputs, timeline, validations: [], plan },
      { checkpoint: checkpointAt(inputs, timeline, step), parent, directory: services.scratch },
    );
  }
});
afterEach(() => services.remove());

/** A sealed set of one file, made of the test set. */
async function writeSet(digest: string, name: string, bytes: Uint8Array): Promise<void> {
  const { store } = services;
  const files = await writeData(store, `stages/${digest}/data/a/`, [{ name, bytes }]);
  await commitManifest(store, stageManifestKey(digest), shardSetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'shards', attempt: 'a', operation: 'test' },
    ...{
      digest,
      inputs: [testSet],
      parameters: {},
      classes: [...inputs.classes],
      samples: 1,
      files,
    },
    shards: files.map((file) => ({ ...file, samples: 1, labelCounts: [1, 0] })),
  });
}

/** The report of an execution whose best state is that of `step`, which predicts so. */
async function reportOf(
  step: number,
  predicted: string,
  change: Partial<ReportRequest['trained']> = {},
  of = inputs,
) {
  const predictions = `${step}`.padEnd(64, '0');
  const row = { id: 'one', label: 'cat', predicted, probabilities: [0.5, 0.5] };
  await writeSet(predictions, 'predictions.jsonl', Buffer.from(`${JSON.stringify(row)}\n`));
  const checkpoint = checkpointAt(inputs, timeline, step);
  const validation = { step, epoch: 1, loss: 1, accuracy: 0.5, top5: 1 };
  return writeReport(
    services,
    {
      ...{ inputs: of, preset: 'quickstart', weights: null, predictions, stages: [] },
      trained: {
        ...{ steps: 20, timeline, validations: [validation] },
        ...{ best: { ...validation, checkpoint }, last: checkpointAt(inputs, timeline, 20) },
        ...{ resumedAt: [], notBitEqual: [], imagesPerSecond: 1, idleShare: 0 },
        ...change,
      },
    },
    testStep(),
  );
}

test('after a reset the result is that of the later execution: its report, metrics and model', async () => {
  await reportOf(10, 'dog');
  const later = await reportOf(20, 'cat');
  const { store } = services;
  const key = runResultKey(inputs.run);
  const manifest = (await readManifest(store, key, runResultManifestSchema))!;
  assert.equal(manifest.checkpoint.step, 20);
  assert.equal(manifest.model, later.modelDigest);
  const files = new Map(manifest.files.map((file) => [file.name, file]));
  assert.equal(files.get('report.html')!.key, later.reportKey);
  const metrics = await readFileOf(store, files.get('metrics.json')!);
  assert.equal((JSON.parse(Buffer.from(metrics).toString()) as { accuracy: number }).accuracy, 1);
});

test('a training that was stopped is reported as that, and one short of its least accuracy says so', async () => {
  const { store } = services;
  const config = configSchema.parse({ training: { minAccuracy: 0.9 } });
  const stopped = 'budget' as const;
  const ended = { timeline: [...timeline, { fromStep: 20, stop: stopped }], stopped };
  const result = await reportOf(20, 'cat', ended, { ...inputs, config });
  assert.deepEqual([result.stopped, result.missedMinAccuracy], ['budget', 0.9]);
  const { bytes } = await store.get(result.reportKey);
  assert.match(
    Buffer.from(bytes).toString(),
    /Training ended after step 20, .+its budget is spent/,
  );
});
