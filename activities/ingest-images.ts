/** Takes the images of a source in, as packs and an index of them. */
import { partManifestKey } from '../contract/keys.ts';
import type { DatasetManifest, ImagePartManifest } from '../contract/manifests.ts';
import { decoder } from '../data/decode.ts';
import { keepStage } from '../model/stage-retention.ts';
import type { Step } from './durable.ts';
import { commitImageDataset } from './image-dataset.ts';
import { makeImageParts, packLimits } from './image-parts.ts';
import type { ImageSource } from './image-sources/source.ts';
import type { DataServices } from './services.ts';
import { identify } from './stages.ts';

export interface ImagesAsked {
  /** As the configuration has it. */
  readonly source: string;
  /** Share of the images that may be set aside. */
  readonly maxBadImages: number;
  /** So long after its last attempt an import stays that was not finished. */
  readonly keepDays: number;
}

/** Throws `InvalidData` when the source holds no images to train on, or too many that are broken. */
export async function ingestImages(
  services: DataServices,
  images: ImageSource,
  { source, maxBadImages, keepDays }: ImagesAsked,
  step: Step,
  limits = packLimits,
): Promise<DatasetManifest> {
  const parameters = { source: images.identity, decoder, limits };
  const { digest } = identify('import-images/1', parameters, []);
  await keepStage(services.store, digest, keepDays, { signal: step.signal });
  const parts = await makeImageParts(services, digest, images, limits, step);
  const dataset = await commitImageDataset(services, { parts, source, maxBadImages }, step);
  await letGoOfCopies(services, digest, parts, dataset);
  return dataset;
}

/** The dataset may have been there, from another source: then the packs of this import are swept in time. */
async function letGoOfCopies(
  { store }: DataServices,
  importDigest: string,
  parts: readonly ImagePartManifest[],
  dataset: DatasetManifest,
): Promise<void> {
  const own = new Set(parts.flatMap(({ files }) => files.map(({ key }) => key)));
  if (dataset.files.some(({ key }) => own.has(key))) return;
  await store.delete(parts.map(({ part }) => partManifestKey(importDigest, part)));
}
