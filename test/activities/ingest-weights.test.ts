/** Taking weights in: a file that does not fit is refused before it is stored. */
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ingestWeights } from '../../activities/ingest-weights.ts';
import type { IngestedWeights } from '../../activities/ingest-weights.ts';
import { backboneOf } from '../../model/pretrained.ts';
import { configSchema } from '../../contract/config.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { weightsManifestSchema } from '../../contract/manifests.ts';
import { architectures, tiny } from '../../model/resnet50.ts';
import { readManifest } from '../../storage/commit.ts';
import { sha256Hex } from '../../storage/hash.ts';
import { keysOf, openTestServices, testStep } from '../support/data-services.ts';
import { writeKerasFile } from '../support/keras-file.ts';

let services: Awaited<ReturnType<typeof openTestServices>>;
let path: string;
beforeEach(async () => {
  services = await openTestServices();
  path = join(services.scratch, 'weights.h5');
});
afterEach(() => services.remove());

const ingest = (): Promise<IngestedWeights> => {
  const { model } = configSchema.parse({ model: { weights: path } });
  return ingestWeights(services, { model }, testStep());
};

test('a file that fits is stored as it is', async () => {
  await writeKerasFile(path, architectures.resnet50v2);
  const { digest, loaded, skipped } = await ingest();
  assert.equal(loaded, backboneOf(architectures.resnet50v2).length);
  assert.deepEqual(skipped, []);
  const key = stageManifestKey(digest);
  const manifest = await readManifest(services.store, key, weightsManifestSchema, { deep: true });
  assert.equal(manifest!.files[0]!.sha256, sha256Hex(await readFile(path)));
  assert.equal((await ingest()).digest, digest);
  assert.deepEqual(await readdir(services.downloads), []);
});

test('one that does not is refused with its key and address, and nothing is stored', async () => {
  await writeFile(path, 'not found');
  const refusal = (problem: string) => ({
    name: 'InvalidData',
    message: new RegExp(`^model\\.weights: ${path}: the weights' file ${problem}`),
  });
  await assert.rejects(ingest(), refusal('is not an HDF5 file'));
  await writeKerasFile(path, tiny('v2'));
  await assert.rejects(ingest(), refusal('has conv1_conv/kernel in shape \\[7, 7, 3, 4\\]'));
  assert.deepEqual(await keysOf(services.store), []);
});
