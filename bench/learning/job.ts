/** One seed's training, the same for everyone: settings, learning rates, and the images in the order they are read. */
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema } from '../../contract/config.ts';
import { cifarImageSize, cifarSamples, decodePlanes, readCifarArchive } from '../../data/cifar.ts';
import { permutation, purposes, randomStream } from '../../data/random.ts';
import { learningRateAt } from '../../model/learning-rate.ts';

const trainSamples = 4_800;
const epochs = 2;
const batchSize = 64;

/** Dropout is off: two libraries would not drop the same features. */
export const { model, training } = configSchema.parse({
  model: { imageSize: cifarImageSize, dropout: 0, batchNormMomentum: 0.9 },
  training: { batchSize, learningRate: { initial: 0.001, schedule: 'cosine' } },
});

export interface Job {
  readonly seed: number;
  readonly imageSize: number;
  readonly classes: number;
  readonly batchSize: number;
  readonly batchNormMomentum: number;
  readonly optimizer: typeof training.optimizer;
  /** Of every step. */
  readonly learningRates: readonly number[];
}

export interface Images {
  readonly classes: number;
  readonly samples: readonly { readonly label: number; readonly image: Uint8Array }[];
}

export async function readImages(archive: string): Promise<Images> {
  const { classes, files } = await readCifarArchive(createReadStream(archive));
  const samples = files.flatMap(({ name, bytes }) =>
    cifarSamples(name, bytes).map(({ label, offset, length }) => ({
      label,
      image: decodePlanes(bytes.subarray(offset, offset + length)),
    })),
  );
  return { classes: classes.length, samples };
}

/** Writes job.json, and for `train` (all epochs, one after the other) and `validation` the images (uint8) and labels (int32). */
export function writeJob(folder: string, seed: number, { classes, samples }: Images): void {
  const order = permutation(samples.length, randomStream(seed, purposes.shardOrder));
  const [train, validation] = [order.slice(0, trainSamples), order.slice(trainSamples)];
  const read = Array.from({ length: epochs }, (_, epoch) => {
    const within = permutation(trainSamples, randomStream(seed, purposes.recordOrder, [epoch]));
    return [...within].map((index) => train[index]!);
  });
  for (const [name, indices] of [
    ['train', read.flat()],
    ['validation', [...validation]],
  ] as const) {
    const chosen = indices.map((index) => samples[index]!);
    writeFileSync(join(folder, `${name}.images`), Buffer.concat(chosen.map(({ image }) => image)));
    writeFileSync(
      join(folder, `${name}.labels`),
      Int32Array.from(chosen, ({ label }) => label),
    );
  }
  const steps = (epochs * trainSamples) / batchSize;
  const job: Job = {
    seed,
    imageSize: model.imageSize,
    classes,
    batchSize,
    batchNormMomentum: model.batchNormMomentum,
    optimizer: training.optimizer,
    learningRates: Array.from({ length: steps }, (_, step) =>
      learningRateAt(training.learningRate, step, steps),
    ),
  };
  writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
}
