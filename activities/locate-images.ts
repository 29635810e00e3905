/** Finds out what a source of images is, whether it has changed, and opens it to be read. */
import { NightshiftError } from '../contract/failures.ts';
import { digestOf } from '../data/digest.ts';
import { ilsvrcFiles } from '../data/ilsvrc.ts';
import { openFile, openRanges, streamRanges } from '../storage/ranges.ts';
import type { RangedSource } from '../storage/ranges.ts';
import { describeSource } from '../storage/sources.ts';
import type { SourceOptions } from '../storage/sources.ts';
import { openTree } from '../storage/trees.ts';
import type { Tree } from '../storage/trees.ts';
import { blaming, withDownload } from './download.ts';
import type { Step } from './durable.ts';
import { archiveFormat, archiveImages, checked, isCifarArchive } from './image-sources/archive.ts';
import { ilsvrcImages } from './image-sources/ilsvrc.ts';
import { manifestFormat, manifestImages } from './image-sources/manifest.ts';
import { isRecordFile, recordImages } from './image-sources/records.ts';
import type { ImageSource } from './image-sources/source.ts';
import { treeImages } from './image-sources/tree.ts';
import { ilsvrcPlace, knownArchive } from './known-datasets.ts';
import type { DataServices } from './services.ts';

export interface ImageLocation {
  /** Equal ones mean equal bytes; undefined: the source does not say. */
  readonly description: unknown;
  /** Calls one of the two. What is opened is closed afterwards. */
  read<T>(use: {
    readonly images: (source: ImageSource) => Promise<T>;
    /** An archive of CIFAR's batch files: all its bytes, checked. */
    readonly cifar: (bytes: AsyncIterable<Uint8Array>) => Promise<T>;
  }): Promise<T>;
  close(): void;
}

interface Asked {
  readonly source: string;
  readonly sha256?: string | undefined;
}

/** Throws `InvalidData` when there is nothing, and `Unavailable`. */
export async function locateImages(
  services: DataServices,
  { source, sha256 }: Asked,
  step: Step,
): Promise<ImageLocation> {
  const options = { openBucket: services.openBucket, signal: step.signal };
  const archives = ilsvrcPlace(source);
  if (archives !== undefined) {
    refuseHash(source, sha256);
    return locateIlsvrc(services, archives, options, step);
  }
  const known = knownArchive(source);
  const asked = { address: known?.address ?? source, sha256: sha256 ?? known?.sha256 };
  const tree = await openTree(asked.address, options);
  if (tree) {
    refuseHash(source, sha256);
    return locateTree(asked.address, tree, options);
  }
  return locateFile(services, asked, known?.sha256 !== undefined, options, step);
}

function refuseHash(source: string, sha256: string | undefined): void {
  if (sha256 === undefined) return;
  throw new NightshiftError(
    'InvalidData',
    `${source}: it is not one file, and dataset.sha256 is the hash of one; leave it out`,
  );
}

async function locateFile(
  services: DataServices,
  asked: FileAsked,
  isPinned: boolean,
  options: SourceOptions,
  step: Step,
): Promise<ImageLocation> {
  const { address, sha256 } = asked;
  // What must have a certain hash need not be asked whether it has changed.
  const describe = async (): Promise<unknown> => {
    if (isPinned) return { address, sha256 };
    const facts = await describeSource(address, options);
    return (facts.etag ?? facts.lastModified) === undefined ? undefined : facts;
  };
  const description = await describe();
  // Two attempts at a source that says nothing of itself may read different bytes.
  const identity = description ?? step.attempt;
  return {
    description,
    read: ({ images, cifar }) =>
      withRanges(services, asked, step, async (bytes) => {
        const source = await fileImages(services, asked, bytes, { identity, sha256 }, step);
        if (!source) return cifar(checked(streamRanges(bytes), sha256));
        return images({
          ...source,
          async *files(from) {
            yield* source.files(from);
            if (digestOf(await describe()) === digestOf(description)) return;
            throw new NightshiftError('Unavailable', `${address}: it changed while it was read`);
          },
        });
      }),
    close: () => undefined,
  };
}

/** Undefined: an archive of CIFAR's batch files. */
async function fileImages(
  services: DataServices,
  { address, sha256 }: FileAsked,
  bytes: RangedSource,
  identity: unknown,
  step: Step,
): Promise<ImageSource | undefined> {
  const manifest = manifestFormat(address);
  if (manifest || isRecordFile(address)) {
    if (sha256 !== undefined) for await (const _ of checked(streamRanges(bytes), sha256));
    if (manifest) return manifestImages(services, address, manifest, bytes, identity, step);
    const opened = { ...bytes, close: async () => undefined };
    const file = { name: nameOf(address), size: bytes.size, open: async () => opened };
    return recordImages([file], identity);
  }
  const format = await archiveFormat(bytes);
  if (await isCifarArchive(bytes, format)) return undefined;
  return archiveImages(bytes, format, identity, sha256);
}

const nameOf = (address: string): string => address.slice(address.lastIndexOf('/') + 1);

function locateTree(address: string, tree: Tree, options: SourceOptions): ImageLocation {
  const description = { address, listing: tree.digest };
  const records = tree.files.filter(({ name }) => isRecordFile(name));
  const source =
    records.length === 0
      ? treeImages(tree, description)
      : recordImages(
          records.map((file) => ({
            ...file,
            open: async () => (await openRanges(tree.addressOf(file), options))!,
          })),
          description,
        );
  return {
    description,
    read: ({ images }) => blaming(address, () => images(source)),
    close: () => tree.close(),
  };
}

async function locateIlsvrc(
  services: DataServices,
  place: string,
  options: SourceOptions,
  step: Step,
): Promise<ImageLocation> {
  const { train, validation, devkit } = ilsvrcFiles;
  const description = await Promise.all(
    [train, validation, devkit].map((name) => describeSource(place + name, options)),
  );
  const open = <T>(name: string, read: (bytes: RangedSource) => Promise<T>): Promise<T> =>
    withRanges(services, { address: place + name }, step, read);
  return {
    description,
    read: ({ images }) =>
      open(train, (trainBytes) =>
        open(validation, (validationBytes) =>
          open(devkit, (devkitBytes) => {
            const archives = {
              train: trainBytes,
              validation: validationBytes,
              devkit: devkitBytes,
            };
            return images(ilsvrcImages(archives, description));
          }),
        ),
      ),
    close: () => undefined,
  };
}

interface FileAsked {
  readonly address: string;
  readonly sha256?: string | undefined;
}

/** By ranges where the source gives them; else it is downloaded first, and gone afterwards. */
async function withRanges<T>(
  services: DataServices,
  { address, sha256 }: FileAsked,
  step: Step,
  read: (bytes: RangedSource) => Promise<T>,
): Promise<T> {
  const { openBucket } = services;
  const reading = async (bytes: RangedSource): Promise<T> => {
    try {
      return await read(bytes);
    } finally {
      await bytes.close();
    }
  };
  const ranges = await openRanges(address, { openBucket, signal: step.signal });
  if (ranges) return blaming(address, () => reading(ranges));
  const source = { value: address, address, sha256 };
  return withDownload(services, source, step, async ({ path }) => reading(await openFile(path)));
}
