/** Makes an earlier version of a model its champion again. */
import { rollbackInputSchema } from '../contract/models.ts';
import type { Champion, HistoryEntry } from '../contract/models.ts';
import { historyOf, moveChampion } from '../model/champions.ts';
import { digestsOf, readVersion } from '../model/model-versions.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import type { Step } from './durable.ts';
import { invalid } from './invalid-config.ts';
import { parseInput } from './parse-input.ts';
import type { ByHand, Promotion } from './promote-model.ts';
import type { DataServices } from './services.ts';

/** What became of it. */
export type Rollback = Omit<Promotion, 'outcome'> & {
  readonly outcome: 'rolled back' | 'champion already';
};

/** Every byte of the version is read before it counts again. Throws `InvalidConfig` with what is wrong. */
export async function rollBackModel(
  { store }: Pick<DataServices, 'store'>,
  { input, request, workflowId }: ByHand,
  { signal }: Pick<Step, 'signal'>,
): Promise<Rollback> {
  const asked = parseInput(rollbackInputSchema, input, '{ model, to?, by?, why? }');
  const { model, to, by = `workflow ${workflowId}`, why = 'rolled back by hand' } = asked;
  const { champion, moved } = await moveChampion(
    store,
    model,
    request,
    async (present) => {
      if (!present) throw refused(`model: ${JSON.stringify(model)}: it has no champion; ${models}`);
      const digest =
        to === undefined
          ? await replacedBy(store, present, { signal })
          : await digestCalled(store, model, to, { signal });
      if (digest === present.digest) return undefined;
      const version = await readVersion(store, { model, digest }, { deep: true, signal });
      const { checkpoint, workflowId: its, metrics } = version;
      const of = { run: checkpoint.run, workflowId: its, metrics };
      return { kind: 'rollback', digest, ...of, gate: null, by, why };
    },
    { signal },
  );
  const {
    digest,
    workflowId: its,
    metrics,
  } = await readVersion(store, { model, digest: champion!.digest }, { signal });
  return {
    outcome: moved ? 'rolled back' : 'champion already',
    champion: champion!,
    version: { digest, workflowId: its, metrics },
  };
}

const models = "'nightshift models' shows those there are";

/** The version that was the champion before this one was promoted: a second rollback goes back further, not forth. */
async function replacedBy(
  store: ObjectStore,
  { model, digest }: Champion,
  options: CallOptions,
): Promise<string> {
  const isItsPromotion = (entry: HistoryEntry): boolean =>
    entry.kind === 'promotion' && entry.digest === digest;
  for await (const entry of historyOf(store, model, options)) {
    if (isItsPromotion(entry) && entry.replaced !== null) return entry.replaced;
  }
  throw refused(
    `to: the champion of ${model} replaced no other one; give the version to go back to, 'nightshift models ${model}' shows those there are`,
  );
}

async function digestCalled(
  store: ObjectStore,
  model: string,
  start: string,
  options: CallOptions,
): Promise<string> {
  const found = (await digestsOf(store, model, options)).filter((one) => one.startsWith(start));
  const [digest, ...more] = found;
  if (digest !== undefined && more.length === 0) return digest;
  throw refused(
    digest === undefined
      ? `to: ${JSON.stringify(start)}: ${model} has no such version; 'nightshift models ${model}' shows those there are`
      : `to: ${JSON.stringify(start)}: ${found.length} versions of ${model} begin so; give more digits`,
  );
}

const refused = (problem: string) => invalid([problem], 'input');
