/** Puts each sample on one side, by its content alone, and stores the list of each side. */
import { stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import type { Config } from '../contract/config.ts';
import { datasetManifestSchema, sides, splitManifestSchema } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import { countLabels, formatPages } from '../data/sample-list.ts';
import { splitSamples } from '../data/split.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import type { Step } from './durable.ts';
import { readRows } from './read-samples.ts';
import type { DataServices } from './services.ts';
import { identify, intact, required } from './stages.ts';

export interface SplitInput {
  readonly dataset: string;
  readonly config: Pick<Config, 'dataset'>;
}

export interface SplitDataset {
  readonly digest: string;
  readonly samples: Readonly<Record<Side, number>>;
}

const operation = 'split/2';

/** Throws `InvalidData` when a side is empty, or a class has no training sample. */
export async function splitDataset(
  services: DataServices,
  { dataset, config }: SplitInput,
  step: Step,
): Promise<SplitDataset> {
  const { split: fractions, limit } = config.dataset;
  const parameters = { fractions, limit: limit ?? null };
  const identity = identify(operation, parameters, [dataset]);
  const { digest } = identity;
  const key = stageManifestKey(digest);
  const there = await intact(() =>
    readManifest(services.store, key, splitManifestSchema, { deep: true, signal: step.signal }),
  );
  if (there) return { digest, samples: there.samples };

  const source = await required(services.store, stageManifestKey(dataset), datasetManifestSchema);
  const all = { first: 0, count: source.samples };
  const samples = await readRows(services.store, source.files, 'index', all);
  const split = splitSamples(samples, source.classes, fractions, limit);
  const files = await writeData(
    services.store,
    stageDataPrefix(digest, step.attempt),
    sides.flatMap((side) => formatPages(side, split[side])),
    { signal: step.signal },
  );
  const counts = bySide((side) => split[side].length);
  await commitManifest(services.store, key, splitManifestSchema, {
    version: 1,
    generation: 0,
    kind: 'split',
    attempt: step.attempt,
    ...identity,
    inputs: [...identity.inputs],
    parameters,
    files,
    dataset,
    classes: source.classes,
    samples: counts,
    samplesByClass: bySide((side) => countLabels(split[side], source.classes.length)),
  });
  return { digest, samples: counts };
}

function bySide<T>(value: (side: Side) => T): Record<Side, T> {
  return { train: value('train'), validation: value('validation'), test: value('test') };
}
