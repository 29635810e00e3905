/** Takes pretrained weights in: checks that they fit the network, and stores what it takes of them, under their digest. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import type { Config } from '../contract/config.ts';
import { NightshiftError } from '../contract/failures.ts';
import { weightsManifestSchema } from '../contract/manifests.ts';
import type { TakenWeights } from '../contract/weights.ts';
import { takePretrained } from '../model/pretrained.ts';
import { architectureNamed } from '../model/resnet50.ts';
import { commitManifest, readManifest, writeData } from '../storage/commit.ts';
import { hashFile } from '../storage/hash.ts';
import { blaming, inTurn } from './download.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { identify, intact } from './stages.ts';
import { withWeights } from './weights-source.ts';
import type { WeightsSource } from './weights-source.ts';

export interface WeightsInput {
  readonly model: Config['model'];
  readonly classes: readonly string[];
}

const fileName = 'weights.safetensors';

/**
 * The digest follows from the values taken, and from how they are meant. Throws `InvalidData` when
 * they do not fit the network: before a trainer waits for them.
 */
export async function ingestWeights(
  services: DataServices,
  { model, classes }: WeightsInput,
  step: Step,
): Promise<TakenWeights> {
  const take = async (source: WeightsSource): Promise<TakenWeights> => {
    const { file, conventions, address } = source;
    const folder = await mkdtemp(join(services.scratch, 'weights-'));
    try {
      const path = join(folder, fileName);
      const network = {
        architecture: architectureNamed(model.architecture, conventions.topology),
        stem: model.stem,
        classes: classes.length,
      };
      const { loaded, skipped, fresh } = await takePretrained(network, file, path);
      const digest = await store(services, source, path, step);
      return { digest, conventions, address, loaded: loaded.length, skipped, fresh };
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  return inTurn(model.weights, step, () =>
    blaming('model.weights', () => withWeights(services, model, step, take)),
  );
}

/**
 * Makes the weights anew that a run began with, unless they are in the store, whole: the source is
 * not asked then. Throws `InvalidData` when it gives others now.
 */
export async function remakeWeights(
  services: DataServices,
  { digest, ...input }: WeightsInput & { readonly digest: string },
  step: Step,
): Promise<void> {
  const key = stageManifestKey(digest);
  const whole = { deep: true, signal: step.signal };
  if (await intact(() => readManifest(services.store, key, weightsManifestSchema, whole))) return;
  const made = await ingestWeights(services, input, step);
  if (made.digest === digest) return;
  throw new NightshiftError(
    'InvalidData',
    `model.weights: ${made.address} gives other weights now (${made.digest}) than those that the run began with (${digest}), and these are not whole in the store any more; put the former ones back`,
  );
}

async function store(
  { store: objects }: DataServices,
  { conventions, address }: WeightsSource,
  path: string,
  { attempt, signal }: Step,
): Promise<string> {
  const sha256 = (await hashFile(path)).digest.toString('hex');
  const identity = identify('ingest-weights/2', conventions, [sha256]);
  const prefix = stageDataPrefix(identity.digest, attempt);
  const files = await writeData(objects, prefix, [{ name: fileName, path }], { signal });
  await commitManifest(objects, stageManifestKey(identity.digest), weightsManifestSchema, {
    version: 1,
    generation: 0,
    kind: 'weights',
    attempt,
    ...identity,
    inputs: [...identity.inputs],
    parameters: conventions,
    files,
    source: address,
    conventions,
  });
  return identity.digest;
}
