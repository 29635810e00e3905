/** Takes pretrained weights in: downloads the file, verifies it, and stores it under its digest. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { NightshiftError } from '../contract/failures.ts';
import { stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import type { Config } from '../contract/config.ts';
import { weightsManifestSchema } from '../contract/manifests.ts';
import { digestOf } from '../data/digest.ts';
import { commitManifest, writeData } from '../storage/commit.ts';
import { downloadSource } from '../storage/sources.ts';
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

/** Returns the stage's digest, which follows from the file's bytes. Throws `InvalidData`. */
export async function ingestWeights(
  { store, scratch, openBucket }: DataServices,
  { model }: WeightsInput,
  step: Step,
): Promise<string> {
  const known = model.weights === 'imagenet' ? official[model.architecture] : undefined;
  const source = known?.address ?? model.weights;
  const path = join(scratch, `download-${digestOf(source).slice(0, 16)}`);
  const { sha256 } = await downloadSource(source, path, {
    openBucket,
    sha256: model.weightsSha256,
    signal: step.signal,
    onProgress: (progress) => step.report({ source, ...progress }),
  });
  try {
    if (known) await expectMd5(source, path, known.md5);
    const identity = identify('ingest-weights/1', {}, [sha256]);
    const prefix = stageDataPrefix(identity.digest, step.attempt);
    const files = await writeData(store, prefix, [{ name: 'weights.h5', path }]);
    await commitManifest(store, stageManifestKey(identity.digest), weightsManifestSchema, {
      version: 1,
      generation: 0,
      kind: 'weights',
      attempt: step.attempt,
      ...identity,
      inputs: [...identity.inputs],
      parameters: {},
      files,
      source,
    });
    return identity.digest;
  } finally {
    await rm(path, { force: true });
  }
}

async function expectMd5(source: string, path: string, expected: string): Promise<void> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  const got = hash.digest('hex');
  if (got === expected) return;
  throw new NightshiftError('InvalidData', `${source}: expected MD5 ${expected}, got ${got}`);
}
