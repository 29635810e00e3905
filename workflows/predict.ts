/** What the best model makes of the test set, shard by shard. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { failureTypeNamed } from '../contract/failures.ts';
import type { Predictions, TrainingInputs } from '../contract/stages.ts';
import { data, model } from './activities.ts';
import { makeParts } from './prepare.ts';
import { rootCause } from './progress.ts';
import type { Advance } from './progress.ts';
import type { FinishedTraining } from './train.ts';

/** Predicts every image of the base set `test`; returns the digest of the sealed predictions. */
export async function predictTestSet(
  inputs: TrainingInputs,
  { trained: { best }, remake }: FinishedTraining,
  test: string,
  advance: Advance,
): Promise<string> {
  const { config, classes } = inputs;
  const { checkpoint } = best;
  const stage: Predictions = { kind: 'predictions', base: test, checkpoint, config, classes };
  const predict = async (): Promise<string> => {
    const opened = await data.openStage(stage);
    let done = 0;
    await makeParts(stage, opened, model.predictShard, 'predict test shard', () =>
      advance(++done, opened.parts),
    );
    return opened.digest;
  };
  try {
    return await predict();
  } catch (failure) {
    if (!isOfDamage(failure)) throw failure;
    await remake(checkpoint);
    return predict();
  }
}

function isOfDamage(failure: unknown): boolean {
  const cause = failure instanceof ActivityFailure ? rootCause(failure) : failure;
  return cause instanceof ApplicationFailure && failureTypeNamed(cause.type) === 'DamagedObject';
}
