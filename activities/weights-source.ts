/** Where `model.weights` leads: a local file or bundle of weights, verified, for as long as it is read. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { Config } from '../contract/config.ts';
import { NightshiftError } from '../contract/failures.ts';
import { weightsPlace } from '../contract/weights.ts';
import type { Conventions } from '../contract/weights.ts';
import { readTarGz } from '../data/tar-gz.ts';
import { conventionsOfFile } from '../model/pretrained.ts';
import type { WeightsFile } from '../model/pretrained.ts';
import { blaming, withDownload } from './download.ts';
import type { Step } from './durable.ts';
import { withEarlierModel } from './earlier-model.ts';
import type { DataServices } from './services.ts';

/** A file, how its weights are meant, and where it came from. */
export interface WeightsSource {
  readonly file: WeightsFile;
  readonly conventions: Conventions;
  readonly address: string;
}

type Model = Pick<Config['model'], 'architecture' | 'weights' | 'weightsSha256'>;

/** Keras's own files, without the head. MD5 is the only hash that Keras publishes. */
const official: Record<Model['architecture'], { address: string; md5: string }> = {
  resnet50v2: {
    address:
      'https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5',
    md5: 'fac2f116257151a9d068a22e544a4917',
  },
  resnet50: {
    address:
      'https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5',
    md5: '4d473c1dd8becc155b73f8504c6f6626',
  },
};

/** Throws `InvalidData` when there are no weights where `model.weights` leads, or others than its hash says. */
export async function withWeights<T>(
  services: DataServices,
  model: Model,
  step: Step,
  take: (source: WeightsSource) => Promise<T>,
): Promise<T> {
  const { weights: value, weightsSha256: sha256, architecture } = model;
  const place = weightsPlace(value);
  if (place.kind === 'run' || place.kind === 'bundle' || place.kind === 'champion') {
    return withEarlierModel(services, place, sha256, step, take);
  }
  const known = place.kind === 'imagenet' ? official[architecture] : undefined;
  const address = known?.address ?? value;
  const taken = (file: WeightsFile & { readonly kind: 'keras' | 'saved-model' }): Promise<T> =>
    take({ file, conventions: conventionsOfFile(file.kind, architecture), address });
  const folder = await folderAt(address);
  if (folder !== undefined) {
    return blaming(address, async () => taken(await savedModelIn(folder, sha256)));
  }
  return withDownload(services, { value, address, sha256 }, step, async ({ path }) => {
    if (known) await expectMd5(path, known.md5);
    if (!(await isGzip(path))) return taken({ kind: 'keras', path });
    const unpacked = await mkdtemp(join(services.scratch, 'saved-model-'));
    try {
      return await taken(await unpackSavedModel(path, unpacked));
    } finally {
      await rm(unpacked, { recursive: true });
    }
  });
}

/** The path that an address of this machine leads to, where that is a folder. */
async function folderAt(address: string): Promise<string | undefined> {
  if (!isAbsolute(address) && !address.startsWith('file:///')) return undefined;
  const path = isAbsolute(address) ? address : fileURLToPath(address);
  // What can't be read shows when it is taken for a file.
  const facts = await stat(path).catch(() => undefined);
  return facts?.isDirectory() ? path : undefined;
}

const bundleIn = (folder: string): string => join(folder, 'variables');

async function savedModelIn(folder: string, sha256: string | undefined) {
  if (sha256 !== undefined) {
    throw invalid(
      'is a folder, which has no SHA-256: give the SavedModel as a .tar.gz, or leave model.weightsSha256 out',
    );
  }
  const path = bundleIn(join(folder, 'variables'));
  if (!(await stat(`${path}.index`).catch(() => undefined))) {
    throw invalid('is no SavedModel: it has no file variables/variables.index');
  }
  return { kind: 'saved-model', path } as const;
}

async function unpackSavedModel(archive: string, folder: string) {
  const stream = createReadStream(archive);
  const isOfBundle = (name: string): boolean => /^variables\.(index|data-\d+-of-\d+)$/.test(name);
  const files = await readTarGz(stream, "the weights' archive", isOfBundle);
  if (!files.has('variables.index')) {
    throw invalid('is no SavedModel: it has no file variables/variables.index');
  }
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return { kind: 'saved-model', path: bundleIn(folder) } as const;
}

async function isGzip(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2);
  return buffer.readUInt16BE() === 0x1f8b;
}

async function expectMd5(path: string, expected: string): Promise<void> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  const got = hash.digest('hex');
  if (got !== expected) throw invalid(`expected MD5 ${expected}, got ${got}`);
}

const invalid = (problem: string): NightshiftError => new NightshiftError('InvalidData', problem);
