/** The champion of a model, with all that predicting with it takes. */
import type { Config } from '../contract/config.ts';
import type { Conventions } from '../contract/weights.ts';
import { readChampion } from '../model/champions.ts';
import { readVersion } from '../model/model-versions.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';

export interface FoundChampion {
  readonly generation: number;
  readonly digest: string;
  /** What its run is called. */
  readonly workflowId: string;
  readonly config: Config;
  readonly classes: readonly string[];
  readonly conventions: Conventions;
}

/** null: the model has none yet. */
export async function findChampion(
  { store }: Pick<DataServices, 'store'>,
  model: string,
  { signal }: Pick<Step, 'signal'>,
): Promise<FoundChampion | null> {
  const champion = await readChampion(store, model, { signal });
  if (!champion) return null;
  const { generation, digest } = champion;
  const { workflowId, inputs, conventions } = await readVersion(
    store,
    { model, digest },
    { signal },
  );
  const { config, classes } = inputs;
  return { generation, digest, workflowId, config, classes, conventions };
}
