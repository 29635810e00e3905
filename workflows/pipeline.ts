/** The pipeline, from a configuration to a report: one workflow a run. Reads like its diagram. */
import { workflowInfo } from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import type { NoChange, RunResult } from '../contract/progress.ts';
import type { PromotionState } from '../contract/promotion.ts';
import { conventionsOf } from '../contract/stages.ts';
import type { Takeover, TrainingInputs } from '../contract/stages.ts';
import { weightsNote } from '../contract/weights.ts';
import { data, model, quick } from './activities.ts';
import { keepMilestones } from './milestones.ts';
import { onceMended } from './once-mended.ts';
import { predictTestSet } from './predict.ts';
import { prepareBaseShards } from './prepare.ts';
import { openProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { promote } from './promote.ts';
import { openSteering } from './steering.ts';
import { sweepBeside } from './sweep.ts';
import { train } from './train.ts';
import { tellingEnd } from './webhook.ts';

/**
 * Trains an image classifier. `input`: nothing (preset `quickstart`), or `{ preset, ... }` with any
 * part of the configuration laid over the preset, or `{ resumeFrom, ... }` to go on from another run.
 */
export function trainingPipeline(input?: unknown): Promise<RunResult | NoChange> {
  const progress = openProgress(workflowInfo().firstExecutionRunId);
  return tellingEnd(progress, (tell) => runStages(input, progress, tell));
}

/** Stage after stage; `tell` takes the webhook's address. */
async function runStages(
  input: unknown,
  progress: Progress,
  tell: (webhook: string | undefined) => void,
): Promise<RunResult | NoChange> {
  const { firstExecutionRunId: run, workflowId } = workflowInfo();
  const steering = openSteering(progress);

  const { preset, config, takeover } = await progress.stage('configure', () =>
    quick.resolveConfig(input),
  );
  tell(config.webhook);
  progress.begins(preset, takeover, config.promotion !== undefined);
  const { dataset, taken, considered } = await progress.stage('ingest', async () => {
    const dataset = await data.ingestDataset({
      source: config.dataset.source,
      sha256: config.dataset.sha256,
      maxBadImages: config.dataset.maxBadImages,
      keepDays: config.augment.keepDays,
      digest: takeover?.inputs.dataset,
      classes: config.dataset.classes,
    });
    const aside = dataset.setAside ? [`${dataset.setAside} broken images set aside`] : [];
    if (aside.length > 0) progress.note('ingest', aside.join());
    const considered = takeover ? null : await findUnchanged(config, dataset.digest);
    if (takeover || considered || config.model.weights === 'none') {
      return { dataset, taken: null, considered };
    }
    const taken = await data.ingestWeights({ model: config.model, classes: dataset.classes });
    progress.note('ingest', [...aside, weightsNote(taken)].join('; '));
    return { dataset, taken, considered };
  });
  if (considered) return progress.finish({ run, noChange: considered });
  const weights = takeover
    ? takeover.inputs.weights
    : taken && { digest: taken.digest, conventions: taken.conventions };
  // Known only where training will run; loads TensorFlow there while the data is prepared here.
  const numerics = model.resolveNumerics({
    config,
    classes: dataset.classes,
    conventions: conventionsOf({ weights }),
  });
  numerics.catch(() => undefined);
  const split = await progress.stage('split', async () => {
    const split = await data.splitDataset({ dataset: dataset.digest, config });
    progress.note('split', split.note);
    return split;
  });
  const remakeData = async (): Promise<void> => {
    const { source, sha256, maxBadImages } = config.dataset;
    const { keepDays } = config.augment;
    await data.ingestDataset({ source, sha256, maxBadImages, keepDays, digest: dataset.digest });
    const { classes } = dataset;
    if (weights) await data.remakeWeights({ model: config.model, classes, digest: weights.digest });
    await data.splitDataset({ dataset: dataset.digest, config });
    await prepareBaseShards(split.digest, config, () => undefined, 'verify');
  };
  const base = await progress.stage('shards', (advance) =>
    onceMended(() => prepareBaseShards(split.digest, config, advance), remakeData),
  );

  const inputs: TrainingInputs = {
    run,
    config,
    classes: dataset.classes,
    dataset: dataset.digest,
    split: split.digest,
    weights,
    train: base.train.digest,
    validation: base.validation.digest,
    samples: split.samples.train,
    ...(takeover?.origin && { origin: takeover.origin }),
    ...(takeover?.forkedFrom && { forkedFrom: takeover.forkedFrom }),
    ...(takeover?.plateauFrom !== undefined && { plateauFrom: takeover.plateauFrom }),
  };
  const milestones = keepMilestones({ inputs, workflowId, preset }, progress);
  const training = await progress.stage('train', async () =>
    train(inputs, numerics, await withOwnStates(inputs, takeover), {
      progress,
      steering,
      remakeData,
      milestones,
    }),
  );
  const endSweep = sweepBeside(config.augment.keepDays, progress);
  let predictions = await progress.stage('predict', (advance) =>
    predictTestSet(inputs, training, base.test.digest, advance),
  );
  await milestones.settled();
  const report = (promotion?: PromotionState): Promise<RunResult> =>
    onceMended(
      () =>
        data.writeReport({
          ...{ inputs, preset, predictions, trained: training.trained },
          ...{ weights: taken, stages: progress.stages(), promotion },
        }),
      async () => {
        await training.remakeLast();
        const { digest } = base.test;
        predictions = await predictTestSet(inputs, training, digest, () => undefined, 'verify');
      },
    );
  let result = await progress.stage('report', () => report());
  const { promotion: gate } = config;
  const promotion =
    gate &&
    (await progress.stage('promote', async () => {
      const tell = async (state: PromotionState): Promise<void> => {
        progress.promotion(state);
        // The one before is garbage from here on.
        result = await report(state);
      };
      const state = await promote(gate, { inputs, predictions, tell });
      await tell(state);
      const night = { model: gate.model, dataset: dataset.digest, config };
      await quick.noteConsidered({ ...night, run, workflowId, at: Date.now() });
      return state;
    }));
  await endSweep();
  return progress.finish({ ...result, ...(promotion && { promotion }) });
}

/** The run that has trained and judged the same for its model; null: there is something new, or nobody asks. */
async function findUnchanged(
  config: Config,
  dataset: string,
): Promise<NoChange['noChange'] | null> {
  const { promotion } = config;
  if (!promotion || promotion.always) return null;
  const found = await quick.findConsidered({ model: promotion.model, dataset, config });
  return found && { model: found.model, workflowId: found.workflowId, at: found.at };
}

/** Of what was taken over, the state to go on from and the best ones become the run's own: the other run may let go of its. */
async function withOwnStates(
  inputs: TrainingInputs,
  takeover: Takeover | undefined,
): Promise<Takeover | undefined> {
  if (!takeover?.origin) return takeover;
  const { origin, timeline, validations } = takeover;
  const ofThis = { inputs: { ...inputs, origin }, timeline, validations };
  return { ...takeover, ...(await data.adoptStates(ofThis)) };
}
