/** The pipeline, from a configuration to a report: one workflow a run. Reads like its diagram. */
import { workflowInfo } from '@temporalio/workflow';
import type { RunResult } from '../contract/progress.ts';
import { data, model, quick } from './activities.ts';
import { predictTestSet } from './predict.ts';
import { prepareBaseShards } from './prepare.ts';
import { openProgress } from './progress.ts';
import { train } from './train.ts';

/**
 * Trains an image classifier. `input`: nothing (preset `quickstart`), or `{ preset, ... }` with any
 * part of the configuration laid over the preset.
 */
export async function trainingPipeline(input?: unknown): Promise<RunResult> {
  const run = workflowInfo().firstExecutionRunId;
  const progress = openProgress(run);

  const { preset, config } = await progress.stage('configure', () => quick.resolveConfig(input));
  progress.preset(preset);
  const { dataset, weights } = await progress.stage('ingest', async () => ({
    dataset: await data.ingestDataset({
      source: config.dataset.source,
      sha256: config.dataset.sha256,
    }),
    weights:
      config.model.weights === 'none'
        ? undefined
        : await data.ingestWeights({ model: config.model }),
  }));
  // Known only where training will run; loads TensorFlow there while the data is prepared here.
  const numerics = model.resolveNumerics({ config, classes: dataset.classes });
  numerics.catch(() => undefined);
  const split = await progress.stage('split', () =>
    data.splitDataset({ dataset: dataset.digest, config }),
  );
  const base = await progress.stage('shards', (advance) =>
    prepareBaseShards(split.digest, config, advance),
  );

  const inputs = {
    run,
    config,
    classes: dataset.classes,
    split: split.digest,
    weights: weights?.digest ?? null,
    train: base.train.digest,
    validation: base.validation.digest,
    samples: split.samples.train,
  };
  const trained = await progress.stage('train', async () =>
    train(inputs, await numerics, progress),
  );
  const predictions = await progress.stage('predict', (advance) =>
    predictTestSet(inputs, trained.best.checkpoint, base.test.digest, advance),
  );
  const result = await progress.stage('report', () =>
    data.writeReport({
      inputs,
      preset,
      dataset: dataset.digest,
      predictions,
      trained,
      stages: progress.stages(),
    }),
  );
  return progress.finish(result);
}
