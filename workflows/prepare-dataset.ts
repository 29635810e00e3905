/** A dataset made ready to be trained on, and no more: later runs with these settings find it in the bucket. */
import { workflowInfo } from '@temporalio/workflow';
import type { PreparedDataset, StageName } from '../contract/progress.ts';
import { quick } from './activities.ts';
import { ingest, ingestNotes, shards, split } from './dataset.ts';
import { openHold } from './hold.ts';
import { tellList, tellSettings } from './listing.ts';
import { openProgress } from './progress.ts';

const stages: readonly StageName[] = ['configure', 'ingest', 'split', 'shards'];

/** Takes a dataset in, splits it and writes its base shards. `input`: as of `trainingPipeline`; what it says of webhook, promotion and budget does nothing here, and a failure leaves no page. */
export async function prepareDataset(input?: unknown): Promise<PreparedDataset> {
  const progress = openProgress(workflowInfo().firstExecutionRunId, undefined, stages);
  const hold = openHold(progress);
  const resolved = await progress.stage('configure', () => quick.resolveConfig(input));
  const { preset } = resolved;
  const config = hold.goBy(resolved.config);
  tellSettings(preset, config);
  const dataset = await hold.stage('ingest', async () => {
    const dataset = await ingest(config);
    progress.note('ingest', [`${dataset.samples} images`, ...ingestNotes(dataset)].join('; '));
    return dataset;
  });
  tellList({ dataset: dataset.digest });
  const { digest, samples } = await split(config, dataset.digest, { progress, hold });
  const { classes } = dataset;
  const made = { config, classes, weights: null, dataset: dataset.digest, split: digest };
  const { train, validation, test } = await shards(made, hold);
  return {
    dataset: dataset.digest,
    images: dataset.samples,
    setAside: dataset.setAside ?? 0,
    classes: classes.length,
    split: digest,
    samples,
    shards: { train: train.parts, validation: validation.parts, test: test.parts },
  };
}
