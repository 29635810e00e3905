/** A trained model at the gate: judged beside the champion, approved where a person must, and promoted. */
import { workflowInfo } from '@temporalio/workflow';
import type { GateInput } from '../activities/evaluate-gate.ts';
import type { FoundChampion } from '../activities/find-champion.ts';
import type { PromotionConfig } from '../contract/config.ts';
import type { Gate } from '../contract/gate.ts';
import type { PromotionState } from '../contract/promotion.ts';
import type { BaseShards, Predictions, TrainingInputs } from '../contract/stages.ts';
import { data, model as onGpu, quick } from './activities.ts';
import type { Approval } from './approval.ts';
import { onceMended } from './once-mended.ts';
import { makeParts, open } from './prepare.ts';
import type { Trust } from './prepare.ts';

/** What was predicted of the test set, and what to do beside. */
interface Candidate {
  readonly inputs: TrainingInputs;
  /** Digest of the sealed predictions of the test set. */
  readonly predictions: string;
  /** In validation, of its best state. */
  readonly bestAccuracy: () => number;
  /** Makes anew what is damaged of the data and of the predictions, whose digest it returns. */
  readonly remake: () => Promise<string>;
  /** A person's word, where the model needs one. */
  readonly words: Approval | undefined;
  /** Tells of a state that a person should look at. */
  readonly tell: (state: PromotionState) => Promise<void>;
}

/** Again, beside the new champion, when a rival has been faster. */
export async function promote(
  { model, approval, ...limits }: PromotionConfig,
  { inputs, predictions, bestAccuracy, remake, words, tell }: Candidate,
): Promise<PromotionState> {
  const { workflowId, runId: request } = workflowInfo();
  let candidate = predictions;
  let word = words?.word;
  for (;;) {
    const champion = await quick.findChampion(model);
    const { minAccuracy, margin, level, classFloor } = limits;
    const { minAccuracy: least } = inputs.config.training;
    let trust: Trust = 'trust';
    const gate = await onceMended(
      async (): Promise<Gate> =>
        data.evaluateGate({
          limits: {
            ...{ minAccuracy, margin, level, classFloor },
            ...(least !== undefined && { validation: { least, accuracy: bestAccuracy() } }),
          },
          candidate,
          champion: champion && (await predictionsOf(champion, model, { inputs, trust })),
        }),
      async () => {
        candidate = await remake();
        trust = 'verify';
      },
    );
    const judged = {
      ...{ model, gate },
      champion: champion && { generation: champion.generation, workflowId: champion.workflowId },
    };
    if (!gate.passed) return { ...judged, status: 'refused' };
    if (approval && words && !word) {
      const deadline = Date.now() + approval.deadlineHours * 3_600_000;
      // Who reads of it may decide at once, before the report is there.
      const waits = tell({ ...judged, status: 'awaiting approval', deadline });
      [word] = await Promise.all([words.wait(deadline), waits]);
    }
    const decided = word ? { ...judged, decision: word.decision } : judged;
    if (word && !word.approved) return { ...decided, status: 'rejected' };
    const { outcome, champion: now } = await data.promoteCandidate({
      ...{ model, run: inputs.run, request, gate },
      ...(word?.decision ?? { by: `run ${workflowId}`, why: 'it passed the gate' }),
      follows: champion?.generation ?? 0,
    });
    if (outcome !== 'rival') return { ...decided, status: outcome, generation: now.generation };
  }
}

/** What the champion makes of the candidate's test images, at its own image size. */
async function predictionsOf(
  { digest, config, classes, conventions }: FoundChampion,
  model: string,
  { inputs, trust }: { readonly inputs: TrainingInputs; readonly trust: Trust },
): Promise<Exclude<GateInput['champion'], null>> {
  const others = inputs.classes;
  const isComparable =
    classes.length === others.length && classes.every((name, index) => name === others[index]);
  if (!isComparable) return 'of other classes';
  const base: BaseShards = {
    ...{ kind: 'base', split: inputs.split, side: 'test' },
    ...{ imageSize: config.model.imageSize, shardBytes: inputs.config.dataset.shardBytes },
  };
  const shards = await open(base, trust);
  await makeParts(base, shards, data.writeShard, "the champion's test shard");
  const stage: Predictions = {
    ...{ kind: 'predictions', base: shards.digest, checkpoint: { model, digest } },
    ...{ config, classes, conventions },
  };
  const opened = await open(stage, trust);
  const name = "the champion's predictions, shard";
  await makeParts(stage, opened, onGpu.predictShard, name);
  return { predictions: opened.digest };
}
