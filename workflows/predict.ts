/** What the best model makes of the test set, shard by shard. */
import { conventionsOf } from '../contract/stages.ts';
import type { Predictions, TrainingInputs } from '../contract/stages.ts';
import { model } from './activities.ts';
import type { FinishedTraining } from './finished-training.ts';
import { onceMended } from './once-mended.ts';
import { makeParts, open } from './prepare.ts';
import type { Trust } from './prepare.ts';
import type { Advance } from './progress.ts';

/** Predicts every image of the base set `test`; returns the digest of the sealed predictions. */
export async function predictTestSet(
  inputs: TrainingInputs,
  training: FinishedTraining,
  test: string,
  advance: Advance,
  trust: Trust = 'trust',
): Promise<string> {
  const { config, classes } = inputs;
  const conventions = conventionsOf(inputs);
  const predict = async (): Promise<string> => {
    const stage: Predictions = {
      ...{ kind: 'predictions', base: test, checkpoint: training.trained.best.checkpoint },
      ...{ config, classes, conventions },
    };
    const opened = await open(stage, trust);
    let done = 0;
    await makeParts(stage, opened, model.predictShard, 'predict test shard', (parts) =>
      advance((done += parts), opened.parts),
    );
    return opened.digest;
  };
  return onceMended(predict, training.remakeBest);
}
