/** Nightshift's reading, measured as the peers': the second epoch of a process. Usage `reading-ours.ts <spec>`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openBatches } from '../../data/batches.ts';
import { openCache } from '../../storage/cache.ts';
import { openS3Store } from '../../storage/s3.ts';
import type { ReadingSpec } from './reading-contest.ts';

const { bucket, folder, size, images, batch, shards } = JSON.parse(process.argv[2]!) as ReadingSpec;
const endpoint = process.env['AWS_ENDPOINT_URL_S3'];
const store = await openS3Store({
  ...{ bucket, endpoint, region: 'us-east-1' },
  downloadThreads: true, // as a worker of models has them
});
await readEpoch(0);
console.log(JSON.stringify({ imagesPerSecond: await readEpoch(1) }));
process.exit();

/** Nothing is on local disk at first. */
async function readEpoch(epoch: number): Promise<number> {
  const directory = await mkdtemp(join(folder, 'cache-'));
  const cache = await openCache({ directory, maxBytes: 2 ** 40 });
  const began = performance.now();
  const batches = openBatches(
    {
      shardSamples: shards.map(({ samples }) => samples),
      shuffle: { seed: 0, epoch },
      batchSize: batch,
      fromPosition: 0,
      imageBytes: size * size * 3,
    },
    async (index) => {
      const file = await cache.fetch(shards[index]!, store);
      return { path: file.path, release: () => void file.release() };
    },
  );
  let read = 0;
  for (let one = await batches.next(); one; one = await batches.next()) {
    read += one.labels.length;
    one.release();
  }
  const seconds = (performance.now() - began) / 1000;
  if (read !== images) throw new Error(`expected ${images} images, read ${read}`);
  batches.close();
  await rm(directory, { recursive: true });
  return read / seconds;
}
