/** What was last trained and judged for a model: whether anything is new since, and the note for the next run. */
import type { Config } from '../contract/config.ts';
import { nightIdentity } from '../contract/forks.ts';
import { consideredKey } from '../contract/keys.ts';
import { consideredSchema } from '../contract/models.ts';
import type { Considered } from '../contract/models.ts';
import { digestOf } from '../data/digest.ts';
import { movePointer, readPointer } from '../storage/pointer.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { splitOperation } from './split-dataset.ts';
import { augmentOperation, baseShardsOperation, intact } from './stages.ts';

export interface NightInput {
  readonly model: string;
  /** Its digest. */
  readonly dataset: string;
  readonly config: Config;
}

/** The run that has trained on the same already; null: there is something new. */
export async function findConsidered(
  { store }: Pick<DataServices, 'store'>,
  { model, dataset, config }: NightInput,
  { signal }: Pick<Step, 'signal'>,
): Promise<Considered | null> {
  // One that is damaged knows of nothing, and is written anew.
  const last = await intact(() =>
    readPointer(store, consideredKey(model), consideredSchema, { signal }),
  );
  const isSame = last?.dataset === dataset && last.night === nightOf(config);
  return isSame ? last : null;
}

export async function noteConsidered(
  { store }: Pick<DataServices, 'store'>,
  {
    model,
    dataset,
    config,
    ...run
  }: NightInput & { readonly run: string; readonly workflowId: string; readonly at: number },
  { signal }: Pick<Step, 'signal'>,
): Promise<void> {
  const considered: Considered = { version: 1, model, dataset, night: nightOf(config), ...run };
  // Of two runs that end at once the later one's note stands.
  const note = (current: Considered | undefined): Considered | undefined =>
    current && current.at > considered.at ? undefined : considered;
  await movePointer(store, consideredKey(model), consideredSchema, note, { signal });
}

/** After an upgrade by which the same images would come out otherwise, a night is another. */
function nightOf(config: Config): string {
  const operations = [splitOperation, baseShardsOperation, augmentOperation];
  return digestOf({ night: nightIdentity(config), operations });
}
