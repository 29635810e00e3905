/** Ends a run: metrics of its test predictions, a report, and one manifest that names what came out. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { runPrefix, runResultKey } from '../contract/keys.ts';
import { runResultManifestSchema } from '../contract/manifests.ts';
import type { ShardSetManifest } from '../contract/manifests.ts';
import { planOf } from '../contract/plan.ts';
import type { Example, RunResult, StageProgress, Validation } from '../contract/progress.ts';
import type { PromotionState } from '../contract/promotion.ts';
import type { CheckpointReference, TrainingInputs } from '../contract/stages.ts';
import type { Decision, StopReason } from '../contract/timeline.ts';
import type { TakenWeights } from '../contract/weights.ts';
import { sha256 } from '../data/digest.ts';
import { openShard } from '../data/tfrecord.ts';
import { bundleName } from '../model/checkpoint-files.ts';
import { readCheckpoint, stateDigest } from '../model/checkpoint.ts';
import { summarise } from '../model/metrics.ts';
import type { Metrics } from '../model/metrics.ts';
import { readLosses } from '../model/run-trace.ts';
import { renderReport } from '../report/report.ts';
import { commitManifest, writeData } from '../storage/commit.ts';
import type { Step } from './durable.ts';
import { predictionRows } from './prediction-rows.ts';
import type { PredictionRow } from './prediction-rows.ts';
import type { DataServices } from './services.ts';
import { readShardSet } from './stages.ts';

export interface ReportRequest {
  readonly inputs: TrainingInputs;
  readonly preset: string;
  /** null: from scratch. */
  readonly weights: TakenWeights | null;
  /** Digest of the sealed predictions of the test set. */
  readonly predictions: string;
  readonly trained: {
    readonly steps: number;
    readonly stopped?: StopReason | undefined;
    readonly timeline: readonly Decision[];
    readonly validations: readonly Validation[];
    readonly best: Validation & { readonly checkpoint: CheckpointReference };
    readonly last: CheckpointReference;
    readonly resumedAt: readonly number[];
    readonly notBitEqual: readonly string[];
    readonly imagesPerSecond: number;
    readonly idleShare: number;
  };
  readonly stages: readonly StageProgress[];
  /** What becomes of the model, as far as it is known. */
  readonly promotion?: PromotionState | undefined;
}

const mistakesShown = 12;

export async function writeReport(
  services: DataServices,
  request: ReportRequest,
  step: Step,
): Promise<RunResult> {
  const { store } = services;
  const { signal } = step;
  const { inputs, trained } = request;
  const { run, classes, config } = inputs;
  const { minAccuracy = 0 } = config.training;
  const sealed = await readShardSet(store, request.predictions);
  const rows: PredictionRow[] = [];
  for await (const row of predictionRows(store, sealed, { signal })) rows.push(row);
  const metrics = measure(rows, classes);
  const best = await readCheckpoint(store, trained.best.checkpoint, { signal });
  const last = await readCheckpoint(store, trained.last, { signal });

  const test = await readShardSet(store, sealed.inputs[0]!);
  // A pick of the run's own: another run shows another image.
  const pick = rows[Number.parseInt(sha256(run).slice(0, 12), 16) % rows.length]!;
  const mistakes = rows
    .filter(({ label, predicted }) => label !== predicted)
    .toSorted((a, b) => confidence(b) - confidence(a))
    .slice(0, mistakesShown);
  const pictures = await readPictures(
    services,
    test,
    new Set([pick, ...mistakes].map(({ id }) => id)),
    signal,
  );
  const shown = (row: PredictionRow): Example & { picture: string } => ({
    ...exampleOf(row),
    picture: pictures.get(row.id)!,
  });

  const plan = planOf(inputs, trained.timeline);
  const html = await renderReport({
    run,
    preset: request.preset,
    config,
    plan,
    stopped: trained.stopped,
    weights: request.weights,
    classes,
    stages: request.stages,
    losses: await readLosses(store, trained.last, { signal }),
    validations: trained.validations,
    best: trained.best,
    resumedAt: trained.resumedAt,
    notBitEqual: trained.notBitEqual,
    imagesPerSecond: trained.imagesPerSecond,
    metrics,
    ...(request.promotion && { promotion: request.promotion }),
    example: shown(pick),
    mistakes: mistakes.map(shown),
    lineage: {
      dataset: inputs.dataset,
      split: inputs.split,
      ...(inputs.weights && { 'initial weights': inputs.weights.digest }),
      'training shards': inputs.train,
      'test predictions': request.predictions,
      'best model': stateDigest(best),
      'last state': stateDigest(last),
    },
    numerics: trained.timeline.findLast(({ numerics }) => numerics)!.numerics!,
  });
  const files = await writeData(store, `${runPrefix(run)}result/${step.attempt}/`, [
    { name: 'report.html', bytes: Buffer.from(html) },
    { name: 'metrics.json', bytes: Buffer.from(`${JSON.stringify(metrics, null, 1)}\n`) },
  ]);
  const result = {
    version: 1,
    generation: 0,
    kind: 'result',
    attempt: step.attempt,
    run,
    files,
    predictions: request.predictions,
    model: stateDigest(best),
    checkpoint: trained.best.checkpoint,
  } as const;
  // What is there may be of an execution that was reset: the later one's stands.
  await commitManifest(store, runResultKey(run), runResultManifestSchema, result, {
    signal,
    suffices: () => false,
  });
  const bundle = best.files.find(({ name }) => name.startsWith(`${bundleName}.index`))!;
  return {
    run,
    steps: trained.steps,
    ...(trained.stopped && { stopped: trained.stopped }),
    bestStep: trained.best.step,
    validationAccuracy: trained.best.accuracy,
    ...(trained.best.accuracy < minAccuracy && { missedMinAccuracy: minAccuracy }),
    testSamples: metrics.samples,
    testAccuracy: metrics.accuracy,
    testTop5: metrics.top5,
    testLoss: metrics.loss,
    example: exampleOf(pick),
    reportKey: files.find(({ name }) => name === 'report.html')!.key,
    predictionsKeys: sealed.files.map(({ key }) => key),
    modelPrefix: bundle.key.replace(/\.index$/, ''),
    modelDigest: stateDigest(best),
    finalDigest: stateDigest(last),
    resumes: trained.resumedAt.length,
    imagesPerSecond: trained.imagesPerSecond,
    idleShare: trained.idleShare,
    notBitEqual: trained.notBitEqual,
  };
}

function measure(rows: readonly PredictionRow[], classes: readonly string[]): Metrics {
  const indexOf = new Map(classes.map((name, index) => [name, index]));
  return summarise(
    rows.map(({ label, predicted, probabilities }) => ({
      label: indexOf.get(label)!,
      predicted: indexOf.get(predicted)!,
      probabilities,
    })),
    classes.length,
  );
}

const confidence = ({ probabilities }: PredictionRow): number => Math.max(...probabilities);

const exampleOf = (row: PredictionRow): Example => ({
  id: row.id,
  label: row.label,
  predicted: row.predicted,
  probability: confidence(row),
});

/** PNGs as data addresses, by sample id. */
async function readPictures(
  { store, cache }: DataServices,
  { shards }: ShardSetManifest,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  for (const shard of shards) {
    const file = await cache.fetch(shard, store, { signal });
    try {
      const records = openShard(await readFile(file.path), shard.name);
      for (let index = 0; index < records.count; index += 1) {
        const { id, image, height, width } = records.read(index);
        if (!wanted.has(id)) continue;
        const png = await sharp(image, { raw: { width, height, channels: 3 } })
          .png()
          .toBuffer();
        pictures.set(id, `data:image/png;base64,${png.toString('base64')}`);
      }
    } finally {
      await file.release();
    }
  }
  return pictures;
}
