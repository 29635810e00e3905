/** Takes pretrained weights in: downloads the file, verifies it, and stores it under its digest. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { NightshiftError } from '../contract/failures.ts';
import { stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import type { Config } from '../contract/config.ts';
import { weightsManifestSchema } from '../contract/manifests.ts';
import { architectures } from '../model/resnet50.ts';
import { commitManifest, writeData } from '../storage/commit.ts';
import { blaming, inTurn, withDownload } from './download.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { identify } from './stages.ts';

export interface WeightsInput {
  readonly model: Config['model'];
}

/** Keras's own files, without the head. MD5 is the only hash that Keras publishes. */
const official: Record<Config['model']['architecture'], { address: string; md5: string }> = {
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

export interface IngestedWeights {
  /** Follows from the file's bytes. */
  readonly digest: string;
  /** Variables that the network takes from the file. */
  readonly loaded: number;
  /** Names of variables in the file that it does not take: the file's own head. */
  readonly skipped: readonly string[];
}

/** Throws `InvalidData` when the file does not fit the architecture: before a trainer waits for it. */
export async function ingestWeights(
  services: DataServices,
  { model }: WeightsInput,
  step: Step,
): Promise<IngestedWeights> {
  const { weights: value, weightsSha256, architecture } = model;
  const known = value === 'imagenet' ? official[architecture] : undefined;
  const source = { value, address: known?.address ?? value, sha256: weightsSha256 };
  const take = async (file: { path: string; sha256: string }): Promise<IngestedWeights> => {
    if (known) await expectMd5(file.path, known.md5);
    // HDF5 costs seconds to load, which few runs need.
    const { checkPretrained } = await import('../model/pretrained.ts');
    const { loaded, skipped } = await checkPretrained(architectures[architecture], file.path);
    const digest = await store(services, source.address, file, step);
    return { digest, loaded: loaded.length, skipped };
  };
  return inTurn(value, step, () =>
    blaming('model.weights', () => withDownload(services, source, step, take)),
  );
}

async function store(
  { store: objects }: DataServices,
  source: string,
  { path, sha256 }: { path: string; sha256: string },
  { attempt, signal }: Step,
): Promise<string> {
  const identity = identify('ingest-weights/1', {}, [sha256]);
  const prefix = stageDataPrefix(identity.digest, attempt);
  const files = await writeData(objects, prefix, [{ name: 'weights.h5', path }], { signal });
  await commitManifest(objects, stageManifestKey(identity.digest), weightsManifestSchema, {
    version: 1,
    generation: 0,
    kind: 'weights',
    attempt,
    ...identity,
    inputs: [...identity.inputs],
    parameters: {},
    files,
    source,
  });
  return identity.digest;
}

async function expectMd5(path: string, expected: string): Promise<void> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  const got = hash.digest('hex');
  if (got === expected) return;
  throw new NightshiftError('InvalidData', `expected MD5 ${expected}, got ${got}`);
}
