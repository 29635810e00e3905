/** Takes a dataset in: downloads it, verifies it, and stores its canonical files and their index under their digest. */
import { log } from '@temporalio/activity';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { NightshiftError } from '../contract/failures.ts';
import type { FailureType } from '../contract/failures.ts';
import { sourcePointerKey, stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import { datasetManifestSchema } from '../contract/manifests.ts';
import {
  cifarPackage,
  cifarSamples,
  officialCifar10,
  readCifarArchive,
  readCifarPackage,
} from '../data/cifar.ts';
import type { CifarDataset } from '../data/cifar.ts';
import { digestOf, sha256 as sha256Of } from '../data/digest.ts';
import { countLabels, formatPages } from '../data/sample-list.ts';
import { chooseClasses } from '../data/split.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import { movePointer, readPointer } from '../storage/pointer.ts';
import { blaming, inTurn, withDownload } from './download.ts';
import type { Step } from './durable.ts';
import { ingestImages } from './ingest-images.ts';
import { locateImages } from './locate-images.ts';
import type { DataServices } from './services.ts';
import { identify, intact } from './stages.ts';
import type { StageIdentity } from './stages.ts';

export interface IngestInput {
  /** A known name, or the address of an archive, a folder, a prefix, a manifest or a TFRecord set. */
  readonly source: string;
  /** What the archive must hash to. */
  readonly sha256?: string | undefined;
  /** Share of the images that may be set aside because they are broken. */
  readonly maxBadImages: number;
  /** So long after its last attempt an import stays that was not finished. */
  readonly keepDays: number;
  /** The dataset that a run goes on with: the source is not asked while it is in the store. */
  readonly digest?: string | undefined;
  /** Something of it was found damaged: every byte of what is in the store is looked at, and not only that all is there. */
  readonly verify?: boolean | undefined;
  /** Those that a run takes; without it, all. */
  readonly classes?: readonly string[] | undefined;
}

export interface IngestedDataset {
  readonly digest: string;
  /** Those that are taken, in the dataset's order. */
  readonly classes: readonly string[];
  readonly samples: number;
  /** Images that can't be used: the dataset's `rejected.jsonl` names them. */
  readonly setAside?: number | undefined;
}

/** A dataset with a name: its digest is known before the download, whoever of several has it. */
export interface NamedDataset {
  readonly name: string;
  readonly files: readonly HashedFile[];
  readonly classes: readonly string[];
  readonly candidates: readonly {
    readonly address: string;
    readonly sha256?: string;
    readonly integrity?: string;
    readonly read: (stream: Readable) => Promise<CifarDataset>;
  }[];
}

/** The official archive, else the package with the same bytes. */
const cifar10: NamedDataset = {
  name: 'cifar10',
  files: officialCifar10.files,
  classes: officialCifar10.classes,
  candidates: [
    { ...officialCifar10, read: readCifarArchive },
    { ...cifarPackage, read: readCifarPackage },
  ],
};

const operation = 'ingest-cifar/1';

/** What a source address held when it was last taken in. */
const sourcePointerSchema = z.strictObject({
  address: z.string(),
  /** What it said of itself (ETag, length and date, or its listing's digest), and how it was read: when they are the same, so is the dataset. */
  description: z.json(),
  /** The hash that it was checked for. */
  sha256: z.string().nullable(),
  dataset: z.string(),
});

/**
 * Throws `InvalidData` when the source does not give the dataset, or gives another one than asked
 * for, or lacks a class that is taken, and `Unavailable` when it may give it later.
 */
export async function ingestDataset(
  services: DataServices,
  input: IngestInput,
  step: Step,
): Promise<IngestedDataset> {
  const { source, digest, verify = false } = input;
  const taking = (dataset: IngestedDataset): IngestedDataset => ({
    ...dataset,
    classes: chooseClasses(dataset.classes, input.classes),
  });
  const there =
    digest === undefined ? undefined : await readDataset(services, { digest, verify }, step);
  if (there) return taking(there);
  const dataset = await inTurn(source, step, () =>
    source === cifar10.name
      ? ingestNamed(services, cifar10, step, verify)
      : blaming('dataset.source', () => ingestAny(services, input, step)),
  );
  if (digest === undefined || dataset.digest === digest) return taking(dataset);
  throw new NightshiftError(
    'InvalidData',
    `dataset.source: ${source} gives another dataset now (${dataset.digest}) than the one that the run goes on with (${digest}), and that is not in the store any more; give its former address`,
  );
}

/** From the first candidate that gives it. */
export async function ingestNamed(
  services: DataServices,
  { name, files, classes, candidates }: NamedDataset,
  step: Step,
  verify = false,
): Promise<IngestedDataset> {
  const { digest } = identifyDataset(files, classes);
  const there = await readDataset(services, { digest, verify }, step);
  if (there) return there;
  const problems: NightshiftError[] = [];
  for (const { address, read, sha256, integrity } of candidates) {
    const source = { value: name, address, sha256, integrity };
    let dataset: CifarDataset;
    try {
      dataset = await withDownload(services, source, step, async ({ path }) => {
        const found = await read(createReadStream(path));
        if (identityOf(found).digest === digest) return found;
        throw new NightshiftError('InvalidData', `its files are not those of '${name}'`);
      });
    } catch (error) {
      if (!isOfSource(error)) throw error;
      log.warn(`source ${address} gives no ${name}`, { problem: error.message });
      problems.push(error);
      continue;
    }
    return storeDataset(services, address, dataset, step);
  }
  // What can't be had now may be had later; what is wrong stays so.
  const passes = problems.some(({ type }) => type !== 'InvalidData');
  throw new NightshiftError(
    passes ? 'Unavailable' : 'InvalidData',
    `dataset.source: no source gives '${name}'; without a way to one of them, give the path of an archive in CIFAR's binary layout:\n${problems.map(({ message }) => `- ${message}`).join('\n')}`,
  );
}

const ofSources: readonly FailureType[] = ['InvalidData', 'Unavailable', 'UnknownHost'];

const isOfSource = (error: unknown): error is NightshiftError =>
  error instanceof NightshiftError && ofSources.includes(error.type);

/** From any other source: nothing is read when it is as it was, and says so. */
async function ingestAny(
  services: DataServices,
  { source, sha256, maxBadImages, keepDays, verify = false }: IngestInput,
  step: Step,
): Promise<IngestedDataset> {
  const pointerKey = sourcePointerKey(digestOf(source));
  const location = await locateImages(services, { source, sha256 }, step);
  try {
    const known = await intact(() => readPointer(services.store, pointerKey, sourcePointerSchema));
    const described = { source: location.description, maxBadImages };
    if (
      known &&
      location.description !== undefined &&
      digestOf(known.description) === digestOf(described) &&
      (sha256 ?? known.sha256) === known.sha256
    ) {
      const there = await readDataset(services, { digest: known.dataset, verify }, step);
      if (there) return there;
    }
    const dataset = await location.read({
      images: async (images): Promise<IngestedDataset> => {
        const asked = { source, maxBadImages, keepDays };
        const { digest, classes, samples, setAside } = await ingestImages(
          services,
          images,
          asked,
          step,
        );
        return { digest, classes, samples, setAside };
      },
      cifar: async (bytes) =>
        storeDataset(services, source, await readCifarArchive(Readable.from(bytes)), step),
    });
    const pointer = {
      address: source,
      description: described as never,
      sha256: sha256 ?? null,
      dataset: dataset.digest,
    };
    await movePointer(services.store, pointerKey, sourcePointerSchema, () => pointer);
    return dataset;
  } finally {
    location.close();
  }
}

async function storeDataset(
  services: DataServices,
  source: string,
  dataset: CifarDataset,
  step: Step,
): Promise<IngestedDataset> {
  const { digest, parameters, inputs } = identityOf(dataset);
  const { classes, labelBytes } = dataset;
  const samples = dataset.files.flatMap(({ name, bytes }) => cifarSamples(name, bytes, labelBytes));
  const files = await writeData(
    services.store,
    stageDataPrefix(digest, step.attempt),
    [...dataset.files, ...formatPages('index', samples)],
    { signal: step.signal },
  );
  await commitManifest(services.store, stageManifestKey(digest), datasetManifestSchema, {
    version: 1,
    generation: 0,
    kind: 'dataset',
    attempt: step.attempt,
    digest,
    operation,
    parameters: parameters as never,
    inputs: [...inputs],
    files,
    source,
    encoding: 'planes',
    classes: [...classes],
    samples: samples.length,
    samplesByClass: countLabels(samples, classes.length),
  });
  return { digest, classes, samples: samples.length };
}

/**
 * Only whether all of it is there in its size, unless damage is suspected: ImageNet's bytes would take
 * minutes at each run's start, and each index page and image is verified when it is read.
 */
async function readDataset(
  { store }: DataServices,
  { digest, verify }: { readonly digest: string; readonly verify: boolean },
  { signal }: Step,
): Promise<IngestedDataset | undefined> {
  const key = stageManifestKey(digest);
  const there = await intact(() =>
    readManifest(store, key, datasetManifestSchema, { deep: verify, signal }),
  );
  if (!there) return undefined;
  const { classes, samples, setAside } = there;
  return { digest, classes, samples, ...(setAside !== undefined && { setAside }) };
}

interface HashedFile {
  readonly name: string;
  readonly sha256: string;
}

/**
 * The same files and classes are the same dataset, whatever archive and address they came by; its
 * index follows from them.
 */
function identifyDataset(files: readonly HashedFile[], classes: readonly string[]): StageIdentity {
  const names = files.map(({ name }) => name);
  const hashes = files.map(({ sha256 }) => sha256);
  return identify(operation, { names, classes }, hashes);
}

const identityOf = ({ files, classes }: CifarDataset): StageIdentity =>
  identifyDataset(
    files.map(({ name, bytes }) => ({ name, sha256: sha256Of(bytes) })),
    classes,
  );
