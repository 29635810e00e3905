/** Makes a run's best state the champion of a model: kept in the registry first, then by moving the pointer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gate } from '../contract/gate.ts';
import { runResultKey } from '../contract/keys.ts';
import { runResultManifestSchema } from '../contract/manifests.ts';
import { promoteInputSchema, testMetricsSchema } from '../contract/models.ts';
import type { Champion, ModelVersion } from '../contract/models.ts';
import { moveChampion } from '../model/champions.ts';
import { keepVersion } from '../model/model-versions.ts';
import { readRunRecord } from '../model/run-record.ts';
import { readFileOf, readManifest } from '../storage/commit.ts';
import type { Step } from './durable.ts';
import { invalid } from './invalid-config.ts';
import { parseInput } from './parse-input.ts';
import type { DataServices } from './services.ts';

type Services = Pick<DataServices, 'store' | 'scratch'>;

/** What a person asks for; `request` is the workflow's execution, `workflowId` what it is called. */
export interface ByHand {
  readonly input: unknown;
  readonly request: string;
  readonly workflowId: string;
}

/** What a run asks for whose model the gate has let through. */
export interface PromotionRequest {
  readonly model: string;
  readonly run: string;
  readonly request: string;
  readonly by: string;
  readonly why: string;
  readonly gate: Gate;
  /** The generation of the champion that the gate compared with; 0: there was none. */
  readonly follows: number;
}

/** What became of it: `rival`, there is a champion by now that the gate has not seen. */
export interface Promotion {
  readonly outcome: 'promoted' | 'champion already' | 'rival';
  readonly champion: Champion;
  readonly version: Pick<ModelVersion, 'digest' | 'workflowId' | 'metrics'>;
}

/** Without a gate. Throws `InvalidConfig` with a line a problem. */
export async function promoteByHand(
  services: Services,
  { input, request, workflowId }: ByHand,
  step: Step,
): Promise<Promotion> {
  const { model, run, by, why } = parseInput(
    promoteInputSchema,
    input,
    '{ model, run, by?, why? }',
  );
  const decision = { by: by ?? `workflow ${workflowId}`, why: why ?? 'promoted by hand' };
  return promote(services, { model, run, request, ...decision, gate: null }, step);
}

export function promoteCandidate(
  services: Services,
  request: PromotionRequest,
  step: Step,
): Promise<Promotion> {
  return promote(services, request, step);
}

async function promote(
  { store, scratch }: Services,
  ask: Omit<PromotionRequest, 'gate' | 'follows'> & {
    readonly gate: Gate | null;
    readonly follows?: number;
  },
  { attempt, signal }: Step,
): Promise<Promotion> {
  const { model, run, request, by, why, gate, follows } = ask;
  const record = await readRunRecord(store, run, { signal });
  const key = runResultKey(record?.run ?? run);
  const result = await readManifest(store, key, runResultManifestSchema, { signal });
  if (!record || !result) {
    throw invalid(
      [
        `run: ${JSON.stringify(run)}: no run that came to its end has this id, or its workflow has, in bucket ${store.bucket}: give one that 'nightshift list' shows as completed`,
      ],
      'input',
    );
  }
  const metricsFile = result.files.find(({ name }) => name === 'metrics.json')!;
  const metrics = testMetricsSchema.parse(
    JSON.parse(Buffer.from(await readFileOf(store, metricsFile, { signal })).toString()),
  );
  const { workflowId } = record;
  const { checkpoint, predictions } = result;
  const folder = await mkdtemp(join(scratch, 'version-'));
  try {
    const facts = { model, workflowId, checkpoint, predictions, metrics };
    const version = await keepVersion(store, facts, folder, attempt, { signal });
    const { digest } = version;
    const { champion, moved } = await moveChampion(
      store,
      model,
      request,
      async (present) => {
        const isSeen = follows === undefined || follows === (present?.generation ?? 0);
        if (!isSeen || present?.digest === digest) return undefined;
        return { kind: 'promotion', digest, run: record.run, workflowId, metrics, gate, by, why };
      },
      { signal },
    );
    const isChampion = champion!.digest === digest;
    const outcome = moved ? 'promoted' : isChampion ? 'champion already' : 'rival';
    return { outcome, champion: champion!, version: { digest, workflowId, metrics } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
