/** What the best model makes of the test set, shard by shard. */
import type { CheckpointReference, Predictions, TrainingInputs } from '../contract/stages.ts';
import { data, model } from './activities.ts';
import { makeParts } from './prepare.ts';
import type { Advance } from './progress.ts';

/** Predicts every image of the base set `test`; returns the digest of the sealed predictions. */
export async function predictTestSet(
  inputs: TrainingInputs,
  checkpoint: CheckpointReference,
  test: string,
  advance: Advance,
): Promise<string> {
  const { config, classes } = inputs;
  const stage: Predictions = { kind: 'predictions', base: test, checkpoint, config, classes };
  const opened = await data.openStage(stage);
  let done = 0;
  await makeParts(stage, opened, model.predictShard, 'predict test shard', () =>
    advance(++done, opened.parts),
  );
  return opened.digest;
}
