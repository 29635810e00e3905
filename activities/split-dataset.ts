/** Puts each sample on one side, by its content alone, and stores the list of each side. */
import { stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import type { Config } from '../contract/config.ts';
import { datasetManifestSchema, sides, splitManifestSchema } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import { cifarSamples } from '../data/cifar.ts';
import { formatSampleList, splitSamples } from '../data/split.ts';
import type { Sample } from '../data/split.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import { readSourceFiles } from './source-files.ts';
import type { Step } from './durable.ts';
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

const operation = 'split/1';

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
  const samples: Sample[] = [];
  for await (const { name, bytes } of readSourceFiles(services, source.files, step.signal)) {
    for (const sample of cifarSamples(name, bytes)) samples.push(sample);
  }
  const split = splitSamples(samples, source.classes, fractions, limit);
  const files = await writeData(
    services.store,
    stageDataPrefix(digest, step.attempt),
    sides.map((side) => ({ name: `${side}.jsonl`, bytes: formatSampleList(split[side]) })),
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
    samplesByClass: bySide((side) => {
      const byClass = source.classes.map(() => 0);
      for (const { label } of split[side]) byClass[label]! += 1;
      return byClass;
    }),
  });
  return { digest, samples: counts };
}

function bySide<T>(value: (side: Side) => T): Record<Side, T> {
  return { train: value('train'), validation: value('validation'), test: value('test') };
}
