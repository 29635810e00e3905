/** The pipeline, from a configuration to a report: one workflow a run. Reads like its diagram. */
import { workflowInfo } from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import type { NoChange, RunResult } from '../contract/progress.ts';
import type { PromotionState } from '../contract/promotion.ts';
import { conventionsOf } from '../contract/stages.ts';
import type { Takeover, TrainingInputs } from '../contract/stages.ts';
import type { Numerics } from '../contract/timeline.ts';
import { weightsNote } from '../contract/weights.ts';
import { data, model as onGpu, quick } from './activities.ts';
import { openApproval } from './approval.ts';
import { ingest, ingestNotes, remakeData, shards, split } from './dataset.ts';
import { explainingFailure } from './failure.ts';
import { openHold } from './hold.ts';
import type { Hold } from './hold.ts';
import { tellList, tellSettings } from './listing.ts';
import { keepMilestones } from './milestones.ts';
import { goOnInNext } from './next-execution.ts';
import type { CarriedRun, PreparedRun } from './next-execution.ts';
import { onceMended } from './once-mended.ts';
import { predictTestSet } from './predict.ts';
import { openProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { promote } from './promote.ts';
import { openRequests } from './requests.ts';
import { openSteering } from './steering.ts';
import { sweepBeside } from './sweep.ts';
import { train } from './train.ts';
import type { TrainingStart } from './train.ts';
import { tellingEnd, webhookOf } from './webhook.ts';

/**
 * Trains an image classifier. `input`: nothing (preset `quickstart`), or `{ preset, ... }` with any
 * part of the configuration laid over the preset, or `{ resumeFrom, ... }` to go on from another run.
 * `carried`: only from an execution of this workflow to its next one.
 */
export function trainingPipeline(
  input?: unknown,
  carried?: CarriedRun,
): Promise<RunResult | NoChange> {
  const progress = openProgress(workflowInfo().firstExecutionRunId, carried?.progress);
  return tellingEnd(progress, (tell) =>
    explainingFailure(progress, (note) => runStages(input, carried, { progress, tell, note })),
  );
}

/** Whom to tell what of a run: its view; of the webhook's address, and of the configuration. */
interface Listeners {
  readonly progress: Progress;
  readonly tell: (webhook: string | undefined) => void;
  readonly note: (config: Config) => void;
}

/** Stage after stage. */
async function runStages(
  input: unknown,
  carried: CarriedRun | undefined,
  listeners: Listeners,
): Promise<RunResult | NoChange> {
  const { progress, tell, note } = listeners;
  const { firstExecutionRunId: run, workflowId } = workflowInfo();
  const steering = openSteering(progress, carried?.training.steering);
  const requests = openRequests(steering);
  const hold = openHold(progress);

  const begun = carried
    ? { prepared: carried.prepared, begin: async () => carried.training }
    : await prepareRun(run, input, hold, listeners);
  if ('noChange' in begun) return progress.finish(begun);
  const { prepared, begin } = begun;
  const { inputs, preset, taken, test } = prepared;
  tell(inputs.config.webhook);
  note(inputs.config);
  hold.goBy(inputs.config);
  const remake = (): Promise<void> => remakeData(inputs);
  const milestones = keepMilestones({ inputs, workflowId, preset }, progress);
  const training = await hold.stage('train', async () =>
    train(inputs, await begin(), {
      ...{ progress, steering, requests, hold, remakeData: remake, milestones },
      goOnInNext: (state) =>
        goOnInNext(input, { prepared, training: state, progress: progress.carried() }),
    }),
  );
  const endSweep = sweepBeside(inputs.config.augment.keepDays, progress);
  let predictions = await hold.stage('predict', (advance) =>
    predictTestSet(inputs, training, test, advance),
  );
  const report = (promotion?: PromotionState): Promise<RunResult> =>
    onceMended(
      () =>
        data.writeReport({
          ...{ inputs, preset, predictions, trained: training.trained },
          ...{ weights: taken, stages: progress.stages(), promotion },
        }),
      async () => {
        await training.remakeLast();
        predictions = await predictTestSet(inputs, training, test, () => undefined, 'verify');
      },
    );
  let result = await hold.stage('report', async () => {
    await milestones.settled();
    return report();
  });
  const { promotion: gate } = inputs.config;
  const words = gate?.approval && openApproval();
  const promotion =
    gate &&
    (await hold.stage('promote', async () => {
      const tell = async (state: PromotionState): Promise<void> => {
        progress.promotion(state);
        // The one before is garbage from here on.
        result = await report(state);
      };
      const remakeAll = async (): Promise<string> => {
        await remake();
        predictions = await predictTestSet(inputs, training, test, () => undefined, 'verify');
        // Of a best state that was lost meanwhile, the next one is promoted.
        result = await report();
        return predictions;
      };
      const state = await promote(gate, {
        ...{ inputs, predictions, remake: remakeAll, words, tell },
        bestAccuracy: () => training.trained.best.accuracy,
      });
      await tell(state);
      // What a person has cut short is to be trained to its end another night.
      if (training.trained.stopped !== 'asked') {
        const night = { model: gate.model, dataset: inputs.dataset, config: inputs.config };
        await quick.noteConsidered({ ...night, run, workflowId, at: Date.now() });
      }
      return state;
    }));
  await endSweep();
  return progress.finish({ ...result, ...(promotion && { promotion }) });
}

/** Configuration, dataset, split and base shards; what training begins with may still be on its way. Nothing of these where a night finds nothing new. */
async function prepareRun(
  run: string,
  input: unknown,
  hold: Hold,
  { progress, tell, note }: Listeners,
): Promise<{ prepared: PreparedRun; begin: () => Promise<TrainingStart> } | NoChange> {
  tell(webhookOf(input));
  const { preset, takeover, ...resolved } = await progress.stage('configure', () =>
    quick.resolveConfig(input),
  );
  const config = hold.goBy(resolved.config);
  tell(config.webhook);
  note(config);
  progress.begins(preset, config, takeover);
  tellSettings(preset, config);
  const { dataset, taken, considered } = await hold.stage('ingest', async () => {
    const dataset = await ingest(config, takeover?.inputs.dataset);
    const aside = ingestNotes(dataset);
    if (aside.length > 0) progress.note('ingest', aside.join());
    const considered = takeover ? null : await findUnchanged(config, dataset.digest);
    if (takeover || considered || config.model.weights === 'none') {
      return { dataset, taken: null, considered };
    }
    const taken = await data.ingestWeights.executeWithOptions(
      { summary: `weights of ${config.model.weights}` },
      [{ model: config.model, classes: dataset.classes }],
    );
    progress.note('ingest', [...aside, weightsNote(taken)].join('; '));
    return { dataset, taken, considered };
  });
  const model = config.promotion?.model ?? config.model.architecture;
  tellList({ dataset: dataset.digest, model });
  if (considered) return { run, noChange: considered };
  const weights = takeover
    ? takeover.inputs.weights
    : taken && { digest: taken.digest, conventions: taken.conventions };
  // Known only where training will run; loads TensorFlow there while the data is prepared here.
  const lookAtGpu = (): Promise<Numerics> => {
    const conventions = conventionsOf({ weights });
    const numerics = onGpu.resolveNumerics({ config, classes: dataset.classes, conventions });
    numerics.catch(() => undefined);
    return numerics;
  };
  const looked = [lookAtGpu()];
  const { digest, samples } = await split(config, dataset.digest, { progress, hold });
  const digests = { dataset: dataset.digest, split: digest };
  const made = { config, classes: dataset.classes, weights, ...digests };
  const base = await shards(made, hold);
  const inputs: TrainingInputs = {
    run,
    ...made,
    train: base.train.digest,
    validation: base.validation.digest,
    samples: samples.train,
    ...(takeover?.origin && { origin: takeover.origin }),
    ...(takeover?.forkedFrom && { forkedFrom: takeover.forkedFrom }),
    ...(takeover?.plateauFrom !== undefined && { plateauFrom: takeover.plateauFrom }),
    ...(takeover?.earlyStopFrom !== undefined && { earlyStopFrom: takeover.earlyStopFrom }),
  };
  return {
    prepared: { preset, inputs, test: base.test.digest, taken },
    begin: async () => {
      // Again where training did not begin.
      const numerics = looked.pop() ?? lookAtGpu();
      return { numerics, takeover: await withOwnStates(inputs, takeover) };
    },
  };
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
