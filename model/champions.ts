/**
 * Which version of a model counts, and how it came to that. Each new champion has an entry in the
 * history, written once: of those who would follow the same champion, the one whose entry is there
 * first has won. The pointer that readers go by moves afterwards, by whoever comes along.
 */
import {
  championHistoryKey,
  championHistoryPrefix,
  championKey,
  generationOfHistoryKey,
  modelOfChampionKey,
  modelsPrefix,
} from '../contract/keys.ts';
import { championSchema, historyEntrySchema } from '../contract/models.ts';
import type { Champion, HistoryEntry } from '../contract/models.ts';
import { movePointer, readPointer } from '../storage/pointer.ts';
import { DamagedObject } from '../storage/store.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';

/** A move that someone decides on; where it comes in the history shows when it is made. */
export type ChampionMove = Omit<
  HistoryEntry,
  'version' | 'model' | 'generation' | 'replaced' | 'at' | 'request'
>;

/** Undefined: the model has no champion. */
export async function readChampion(
  store: ObjectStore,
  model: string,
  options: CallOptions = {},
): Promise<Champion | undefined> {
  const pointer = readPointer(store, championKey(model), championSchema, options);
  return (await pointer.catch(ifDamaged)) ?? settle(store, model, options);
}

/**
 * Asks `decide` for the move that follows the champion there is, again when a rival was faster.
 * Undefined is none: it stays. Returns the champion then; or the one that this request has made, in
 * this attempt or one before.
 */
export async function moveChampion(
  store: ObjectStore,
  model: string,
  request: string,
  decide: (champion: Champion | undefined) => Promise<ChampionMove | undefined>,
  options: CallOptions = {},
): Promise<{ readonly champion: Champion | undefined; readonly moved: boolean }> {
  for (;;) {
    const champion = await settle(store, model, options);
    // Also one that others have followed since.
    for await (const entry of historyOf(store, model, options)) {
      if (entry.request === request) return { champion: championOf(entry), moved: true };
    }
    const move = await decide(champion);
    if (!move) return { champion, moved: false };
    const generation = (champion?.generation ?? 0) + 1;
    const entry: HistoryEntry = {
      ...{ version: 1, model, generation, at: Date.now(), replaced: champion?.digest ?? null },
      ...{ request, ...move },
    };
    await movePointer(
      store,
      championHistoryKey(model, generation),
      historyEntrySchema,
      (current) => (current ? undefined : entry),
      options,
    );
  }
}

/** The entries of a model's history, the newest first. Damaged ones are passed over. */
export async function* historyOf(
  store: ObjectStore,
  model: string,
  options: CallOptions = {},
): AsyncGenerator<HistoryEntry> {
  const generations: number[] = [];
  for await (const { key } of store.list(championHistoryPrefix(model), options)) {
    const generation = generationOfHistoryKey(key);
    if (generation !== undefined) generations.push(generation);
  }
  for (const generation of generations.toSorted((a, b) => b - a)) {
    const entry = await readEntry(store, model, generation, options);
    if (entry) yield entry;
  }
}

/** The names of all models that have a champion. */
export async function modelNames(store: ObjectStore, options: CallOptions = {}): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of store.list(modelsPrefix, options)) {
    const name = modelOfChampionKey(key);
    if (name !== undefined) names.push(name);
  }
  return names.toSorted();
}

const readEntry = (
  store: ObjectStore,
  model: string,
  generation: number,
  options: CallOptions,
): Promise<HistoryEntry | undefined> =>
  readPointer(store, championHistoryKey(model, generation), historyEntrySchema, options).catch(
    ifDamaged,
  );

/** Moves the pointer to the newest entry: whoever wrote that may have been killed before. Returns the champion. */
async function settle(
  store: ObjectStore,
  model: string,
  options: CallOptions,
): Promise<Champion | undefined> {
  const { value: newest } = await historyOf(store, model, options).next();
  const point = (current: Champion | undefined): Champion | undefined => {
    if (!newest || (current && current.generation >= newest.generation)) return undefined;
    return championOf(newest);
  };
  return movePointer(store, championKey(model), championSchema, point, options);
}

const championOf = ({ version, model, generation, digest, at }: HistoryEntry): Champion => ({
  ...{ version, model, generation, digest, at },
});

function ifDamaged(error: unknown): undefined {
  if (!(error instanceof DamagedObject)) throw error;
}
