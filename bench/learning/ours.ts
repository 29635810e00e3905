/** Nightshift's part: usage `ours.ts <folder> <precision>`; leaves the initial weights there for the others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { architectureOf, openProgram } from '../../model/program.ts';
import type { ImageBatch } from '../../model/program.ts';
import { model, training } from './job.ts';
import type { Job } from './job.ts';

const [folder, compute] = process.argv.slice(2) as [string, 'float32' | 'bfloat16'];
const { seed, classes, imageSize, batchSize, learningRates } = JSON.parse(
  readFileSync(join(folder, 'job.json'), 'utf8'),
) as Job;
const program = openProgram({
  model,
  architecture: architectureOf(model),
  step: training,
  classes,
  compute,
  pretrained: false,
  scaling: 'zero-one',
});
program.initialize(seed);
program.save(join(folder, 'initial'));

const train = batchesOf('train');
const losses = learningRates.map((learningRate, step) =>
  program.train(train[step]!, { learningRate, step, seed }),
);
const validation = batchesOf('validation');
const correct = validation
  .map((batch) => program.evaluate(batch).correct)
  .reduce((sum, one) => sum + one, 0);
const images = validation.reduce((sum, { labels }) => sum + labels.length, 0);
console.log(JSON.stringify({ accuracy: correct / images, firstLoss: losses[0] }));

function batchesOf(name: 'train' | 'validation'): ImageBatch[] {
  const images = readFileSync(join(folder, `${name}.images`));
  const labels = new Int32Array(
    Uint8Array.from(readFileSync(join(folder, `${name}.labels`))).buffer,
  );
  const imageBytes = imageSize ** 2 * 3;
  return Array.from({ length: Math.ceil(labels.length / batchSize) }, (_, batch) => {
    const [first, end] = [batch * batchSize, (batch + 1) * batchSize];
    return {
      images: images.subarray(first * imageBytes, end * imageBytes),
      labels: labels.subarray(first, end),
    };
  });
}
