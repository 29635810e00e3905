/** Puts each sample on one side and stores the list of each side. Reads the dataset's index, and no image. */
import { stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import type { Config } from '../contract/config.ts';
import { datasetManifestSchema, sides, splitManifestSchema } from '../contract/manifests.ts';
import type { Side, SplitManifest } from '../contract/manifests.ts';
import { isExpected } from '../data/expected-counts.ts';
import { maxDistance } from '../data/near-duplicates.ts';
import { formatPages, pagesOf, parsePage } from '../data/sample-list.ts';
import { splitNote } from '../data/split-note.ts';
import { openSplit } from '../data/split.ts';
import type { Split } from '../data/split.ts';
import { commitManifest, readFileOf, readManifest, writeData } from '../storage/commit.ts';
import type { DataFile } from '../storage/commit.ts';
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
  /** What came out, in words. */
  readonly note: string;
}

export const splitOperation = 'split/2';

/** Throws `InvalidData` when the dataset can't be divided so, a side is empty, or a class has no training sample. */
export async function splitDataset(
  { store }: DataServices,
  { dataset, config }: SplitInput,
  { signal, attempt }: Step,
): Promise<SplitDataset> {
  const { split: how, groupBy = null, limit = null, classes = null } = config.dataset;
  // In whatever order the classes are named, they are taken in the dataset's.
  const parameters = { split: how, groupBy, limit, classes: classes && classes.toSorted() };
  const identity = identify(splitOperation, parameters, [dataset]);
  const { digest } = identity;
  const key = stageManifestKey(digest);
  const there = await intact(() =>
    readManifest(store, key, splitManifestSchema, { deep: true, signal }),
  );
  if (there) return outcome(there);

  const source = await required(store, stageManifestKey(dataset), datasetManifestSchema);
  const open = openSplit(config.dataset, source.classes, source.samples);
  for (const page of pagesOf(source.files, 'index')) {
    for (const sample of parsePage(await readFileOf(store, page, { signal }))) open.add(sample);
  }
  const split = open.end();
  const files = await writeData(store, stageDataPrefix(digest, attempt), filesOf(split), {
    signal,
  });
  const { samples, samplesByClass, expected, duplicates, nearDuplicates } = split;
  const { copies, leftOut, contradictions } = duplicates;
  const { manifest } = await commitManifest(store, key, splitManifestSchema, {
    version: 1,
    generation: 0,
    kind: 'split',
    attempt,
    ...identity,
    inputs: [...identity.inputs],
    parameters,
    files,
    dataset,
    classes: [...split.classes],
    samples,
    samplesByClass,
    expected,
    asExpected: expected && isExpected(samples, expected),
    duplicates: { copies, leftOut, contradictions },
    nearDuplicates: nearDuplicates && { pairs: nearDuplicates.pairs, maxDistance },
  });
  return outcome(manifest);
}

const outcome = (manifest: SplitManifest): SplitDataset => {
  const { digest, samples } = manifest;
  return { digest, samples, note: splitNote(manifest) };
};

/** The list of each side, and what a person may want to look through. */
function* filesOf(split: Split): Generator<DataFile> {
  for (const side of sides) yield* formatPages(side, split.read(side));
  for (const [name, rows] of [
    ['duplicates.jsonl', split.duplicates.list],
    ['near-duplicates.jsonl', split.nearDuplicates?.list ?? []],
  ] as const) {
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
    if (lines.length > 0) yield { name, bytes: Buffer.from(lines.join('')) };
  }
}
