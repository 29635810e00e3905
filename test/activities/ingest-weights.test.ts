/** Taking weights in: what does not fit is refused before anything is stored. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ingestWeights, remakeWeights } from '../../activities/ingest-weights.ts';
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import { controllerAfter } from '../../contract/controller.ts';
import {
  checkpointDataPrefix,
  checkpointManifestKey,
  runResultKey,
  stageManifestKey,
  runNameKey,
} from '../../contract/keys.ts';
import {
  checkpointManifestSchema,
  runResultManifestSchema,
  weightsManifestSchema,
  runNameSchema,
} from '../../contract/manifests.ts';
import type { Conventions, TakenWeights } from '../../contract/weights.ts';
import { digestOf } from '../../data/digest.ts';
import { bundleFiles } from '../../model/checkpoint-files.ts';
import { variablesOf } from '../../model/pretrained.ts';
import { architectureNamed, architectures, tiny } from '../../model/resnet50.ts';
import { slimName } from '../../model/slim.ts';
import { commitManifest, readManifest, writeData } from '../../storage/commit.ts';
import { hashFile } from '../../storage/hash.ts';
import { movePointer } from '../../storage/pointer.ts';
import { writeBundle } from '../support/bundle.ts';
import { damages } from '../support/damage.ts';
import { keysOf, openTestServices, testStep } from '../support/data-services.ts';
import { backboneOf, writeKerasFile } from '../support/keras-file.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const classes = ['cat', 'dog', 'emu'];
let services: Awaited<ReturnType<typeof openTestServices>>;
let path: string;
beforeEach(async () => {
  services = await openTestServices();
  path = join(services.scratch, 'given');
});
afterEach(() => services.remove());

const ingest = (own: ConfigInput['model'] = {}): Promise<TakenWeights> => {
  const { model } = configSchema.parse({ model: { weights: path, ...own } });
  return ingestWeights(services, { model, classes }, testStep());
};

const refused = (message: RegExp, own: ConfigInput['model'] = {}): Promise<void> =>
  assert.rejects(ingest(own), { name: 'InvalidData', message });

test('a file that fits is taken, and what it says of images stands beside its values', async () => {
  await writeKerasFile(path, architectures.resnet50v2);
  const taken = await ingest();
  assert.equal(taken.loaded, backboneOf(architectures.resnet50v2).length);
  assert.deepEqual([taken.skipped, taken.fresh], [[], ['head/kernel', 'head/bias']]);
  assert.deepEqual(taken.conventions, { topology: 'keras', pixels: 'minus-one-one' });
  const key = stageManifestKey(taken.digest);
  const manifest = await readManifest(services.store, key, weightsManifestSchema, { deep: true });
  assert.deepEqual(manifest!.conventions, taken.conventions);
  assert.equal((await ingest()).digest, taken.digest);
  assert.deepEqual(await readdir(services.downloads), []);
});

for (const [damage, hurt] of Object.entries(damages)) {
  test(`of weights taken in, ${damage}: they are made anew, and while they are whole nobody asks for the source`, async () => {
    await writeKerasFile(path, architectures.resnet50v2);
    const { digest } = await ingest();
    const { model } = configSchema.parse({ model: { weights: path } });
    const remake = () => remakeWeights(services, { model, classes, digest }, testStep());
    const keys = await keysOf(services.store);
    assert.equal(keys.length, 2);
    for (const key of keys) {
      await hurt(services.store, key);
      await remake();
      const manifestKey = stageManifestKey(digest);
      assert.ok(
        await readManifest(services.store, manifestKey, weightsManifestSchema, { deep: true }),
      );
    }
    await rm(path);
    await remake();
  });
}

test('weights that are lost and whose source gives others now are not made anew', async () => {
  await writeKerasFile(path, architectures.resnet50v2);
  const { model } = configSchema.parse({ model: { weights: path } });
  await assert.rejects(
    remakeWeights(services, { model, classes, digest: '0'.repeat(64) }, testStep()),
    {
      name: 'InvalidData',
      message: /gives other weights now .* than those that the run began with/,
    },
  );
});

test("Keras's first ResNet wants its images as Caffe had them", async () => {
  await writeKerasFile(path, architectures.resnet50);
  const { conventions } = await ingest({ architecture: 'resnet50' });
  assert.equal(conventions.pixels, 'caffe');
});

test('what does not fit is refused with its key and address, and nothing is stored', async () => {
  await writeFile(path, 'not found');
  await refused(new RegExp(`^model\\.weights: ${path}: is not an HDF5 file`));
  await writeKerasFile(path, tiny('v2'));
  await refused(/the weights have conv1_conv\/kernel in shape \[7, 7, 3, 4\]/);
  await refused(/expected SHA-256 0{64}, got [0-9a-f]{64}/, { weightsSha256: '0'.repeat(64) });
  assert.deepEqual(await keysOf(services.store), []);
});

/** A SavedModel's folder at `path`, with the variables that TF-Hub's module has. */
function writeSavedModel(): void {
  const network = {
    architecture: architectureNamed('resnet50v2', 'slim'),
    stem: 'imagenet',
    classes: 1001,
  } as const;
  const variables = variablesOf(network).map(({ name, shape }) => ({
    name: slimName(name, 'v2'),
    shape: name === 'head/kernel' ? [1, 1, ...shape] : shape,
  }));
  writeBundle(join(path, 'variables/variables'), variables);
}

test('a SavedModel is the same weights as a folder and as an archive', async () => {
  writeSavedModel();
  const folder = await ingest();
  assert.deepEqual(folder.conventions, { topology: 'slim', pixels: 'minus-one-one' });
  assert.deepEqual(folder.skipped, ['resnet_v2_50/logits/biases', 'resnet_v2_50/logits/weights']);
  const archive = `${path}.tar.gz`;
  execFileSync('tar', ['-czf', archive, '-C', path, '.']);
  const { digest } = await hashFile(archive);
  const taken = await ingest({ weights: archive, weightsSha256: digest.toString('hex') });
  assert.equal(taken.digest, folder.digest);

  const whole = await readFile(archive);
  await writeFile(archive, whole.subarray(0, whole.length / 2));
  await refused(/given\.tar\.gz: the weights' archive is cut short/, { weights: archive });
});

test('a folder that is no SavedModel, or is asked for a hash, is refused', async () => {
  await mkdir(path);
  await refused(/given: is no SavedModel: it has no file variables\/variables\.index/);
  await refused(/is a folder, which has no SHA-256/, { weightsSha256: '0'.repeat(64) });
});

const conventions: Conventions = { topology: 'keras', pixels: 'zero-one' };
const [run, lineage, step] = ['run-1', '1'.repeat(64), 7];

/** The result of a run whose best state is of step 7; returns its bundle's prefix. */
async function writeRun(pruned = false): Promise<string> {
  const { store } = services;
  const network = { architecture: architectures.resnet50v2, stem: 'small', classes: 3 } as const;
  const bundle = join(path, 'variables');
  writeBundle(bundle, variablesOf(network));
  const prefix = checkpointDataPrefix(run, lineage, step, 'attempt');
  const local = bundleFiles.map((name) => ({ name, path: join(path, name) }));
  const files = await writeData(store, prefix, local);
  const common = { version: 1, generation: 0, attempt: 'attempt' } as const;
  const key = checkpointManifestKey(run, lineage, step);
  await commitManifest(store, key, checkpointManifestSchema, {
    ...common,
    kind: 'checkpoint',
    files,
    run,
    lineage,
    step,
    epoch: 0,
    sampleInEpoch: 0,
    seed: 0,
    parent: null,
    inputs: trainingInputs(),
    ...{ timeline: [], validations: [] },
    controller: controllerAfter([], undefined),
    conventions,
    pruned,
  });
  await commitManifest(store, runResultKey(run), runResultManifestSchema, {
    ...common,
    kind: 'result',
    files: [],
    run,
    predictions: '2'.repeat(64),
    model: files[1]!.sha256,
    checkpoint: { run, lineage, step },
  });
  const pointer = { workflowId: 'nightly', run };
  await movePointer(store, runNameKey(digestOf('nightly')), runNameSchema, () => pointer);
  return `s3://${store.bucket}/${prefix}variables`;
}

test("an earlier run's model is found by the run, its workflow and its place, head and all", async () => {
  const place = await writeRun();
  for (const weights of ['run:run-1', 'run:nightly', place]) {
    const taken = await ingest({ weights, stem: 'small' });
    assert.deepEqual(taken.fresh, []);
    assert.deepEqual(taken.conventions, conventions, 'images are scaled as that run scaled them');
    assert.match(taken.address, /\/runs\/run-1\/1{64}\/000000007\/manifest\.json$/);
  }
});

test('an earlier model that is not there, not whole, or another than asked for is refused', async () => {
  await refused(/^model\.weights: run:nobody: no run that came to its end/, {
    weights: 'run:nobody',
  });
  const place = await writeRun();
  await refused(/expected SHA-256 0{64} of its variables/, {
    weights: place,
    weightsSha256: '0'.repeat(64),
  });
  await refused(/there is no such checkpoint/, {
    weights: place.replace('000000007', '000000008'),
  });
  const key = place.replace(/^s3:\/\/[^/]+\//, '');
  const data = `${key}.data-00000-of-00001`;
  const { bytes } = await services.store.get(data);
  await services.store.put(data, Buffer.from(bytes).fill(0, 0, 4));
  await assert.rejects(ingest({ weights: place, stem: 'small' }), { name: 'DamagedObject' });
});

test('a model whose variables were let go of is refused', async () => {
  await writeRun(true);
  await refused(/its variables were let go of/, { weights: 'run:run-1', stem: 'small' });
});
