/** Judges a candidate by its predictions, beside those that the champion made of the same test images. */
import { evaluateGate as judge } from '../contract/gate.ts';
import type { Gate, GateLimits, Judged } from '../contract/gate.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Step } from './durable.ts';
import { predictionRows } from './prediction-rows.ts';
import type { DataServices } from './services.ts';
import { readShardSet } from './stages.ts';

export interface GateInput {
  readonly limits: GateLimits;
  /** Digest of the candidate's sealed predictions. */
  readonly candidate: string;
  /** Likewise of the champion's, unless it knows other classes; null: there is none. */
  readonly champion: { readonly predictions: string } | 'of other classes' | null;
}

export async function evaluateGate(
  { store }: Pick<DataServices, 'store'>,
  { limits, candidate, champion }: GateInput,
  { signal }: Pick<Step, 'signal'>,
): Promise<Gate> {
  const own = await judgedOf(store, candidate, signal);
  if (champion === null || champion === 'of other classes') {
    return judge(limits, [...own.values()], champion);
  }
  const its = await judgedOf(store, champion.predictions, signal);
  const paired = [...own.keys()].map((id) => {
    const one = its.get(id);
    if (one) return one;
    throw new Error(
      `predictions ${champion.predictions} lack image ${id}, which is in ${candidate}`,
    );
  });
  return judge(limits, [...own.values()], paired);
}

/** By the images' ids: shards of another image size may be cut elsewhere. */
async function judgedOf(
  store: ObjectStore,
  digest: string,
  signal: AbortSignal,
): Promise<Map<string, Judged>> {
  const judged = new Map<string, Judged>();
  const sealed = await readShardSet(store, digest);
  for await (const { id, label, predicted } of predictionRows(store, sealed, { signal })) {
    judged.set(id, { label, right: predicted === label });
  }
  return judged;
}
