/** The activities of a data worker. None of them loads TensorFlow. */
import type { AugmentedShards, BaseShards, PartInput, PartedStage } from '../contract/stages.ts';
import { adoptStates } from './adopt-states.ts';
import type { AdoptInput } from './adopt-states.ts';
import { augmentShard } from './augment-shard.ts';
import { callWebhook } from './call-webhook.ts';
import type { WebhookCall } from './call-webhook.ts';
import { findConsidered, noteConsidered } from './considered.ts';
import type { NightInput } from './considered.ts';
import { durableIn } from './durable.ts';
import { evaluateGate } from './evaluate-gate.ts';
import type { GateInput } from './evaluate-gate.ts';
import { findChampion } from './find-champion.ts';
import { ingestDataset } from './ingest-dataset.ts';
import type { IngestInput } from './ingest-dataset.ts';
import { ingestWeights, remakeWeights } from './ingest-weights.ts';
import type { WeightsInput } from './ingest-weights.ts';
import { keepMilestone } from './keep-milestone.ts';
import type { MilestoneInput } from './keep-milestone.ts';
import { openStage } from './open-stage.ts';
import { eachPart } from './part-pages.ts';
import { promoteByHand, promoteCandidate } from './promote-model.ts';
import type { ByHand, PromotionRequest } from './promote-model.ts';
import { resolveConfig } from './resolve-config.ts';
import { rollBackModel } from './roll-back-model.ts';
import { sealStage } from './seal-stage.ts';
import type { DataServices } from './services.ts';
import { splitDataset } from './split-dataset.ts';
import type { SplitInput } from './split-dataset.ts';
import { runningWorkflows } from './running-workflows.ts';
import { sweepStore } from './sweep-store.ts';
import type { SweepInput } from './sweep-store.ts';
import { writeFailure } from './write-failure.ts';
import type { FailedRun } from './write-failure.ts';
import { writeReport } from './write-report.ts';
import type { ReportRequest } from './write-report.ts';
import { writeShard } from './write-shard.ts';

export function dataActivities(services: DataServices) {
  const durable = durableIn(services.scratch);
  return {
    resolveConfig: (input?: unknown) => durable((step) => resolveConfig(services, input, step)),
    ingestDataset: (input: IngestInput) => durable((step) => ingestDataset(services, input, step)),
    ingestWeights: (input: WeightsInput) => durable((step) => ingestWeights(services, input, step)),
    remakeWeights: (input: WeightsInput & { readonly digest: string }) =>
      durable((step) => remakeWeights(services, input, step)),
    splitDataset: (input: SplitInput) => durable((step) => splitDataset(services, input, step)),
    openStage: (stage: PartedStage) => durable((step) => openStage(services, stage, step)),
    writeShard: (input: PartInput<BaseShards>) =>
      durable((step) => eachPart(input, step, (part) => writeShard(services, part, step))),
    augmentShard: (input: PartInput<AugmentedShards>) =>
      durable((step) => eachPart(input, step, (part) => augmentShard(services, part, step))),
    sealStage: (stage: PartedStage) => durable((step) => sealStage(services, stage, step)),
    adoptStates: (input: AdoptInput) => durable((step) => adoptStates(services, input, step)),
    keepMilestone: (input: MilestoneInput) =>
      durable((step) => keepMilestone(services, input, step)),
    sweepStore: (input: SweepInput) =>
      durable((step) => sweepStore(services, input, runningWorkflows(), step)),
    callWebhook: (input: WebhookCall) => durable((step) => callWebhook(services, input, step)),
    findConsidered: (input: NightInput) => durable((step) => findConsidered(services, input, step)),
    noteConsidered: (input: Parameters<typeof noteConsidered>[1]) =>
      durable((step) => noteConsidered(services, input, step)),
    findChampion: (model: string) => durable((step) => findChampion(services, model, step)),
    evaluateGate: (input: GateInput) => durable((step) => evaluateGate(services, input, step)),
    promoteByHand: (input: ByHand) => durable((step) => promoteByHand(services, input, step)),
    promoteCandidate: (input: PromotionRequest) =>
      durable((step) => promoteCandidate(services, input, step)),
    rollBackModel: (input: ByHand) => durable((step) => rollBackModel(services, input, step)),
    writeFailure: (input: FailedRun) => durable((step) => writeFailure(services, input, step)),
    writeReport: (input: ReportRequest) => durable((step) => writeReport(services, input, step)),
  };
}

export type DataActivities = ReturnType<typeof dataActivities>;
