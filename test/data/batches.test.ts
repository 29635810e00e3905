import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBatches } from '../../data/batches.ts';
import type { Batches, BatchesRequest } from '../../data/batches.ts';
import { epochOrder, shuffleWindowShards } from '../../data/order.ts';
import { encodeShard } from '../../data/tfrecord.ts';
import { madeSamples } from './support.ts';

const folder = await mkdtemp(join(tmpdir(), 'nightshift-batches-'));
after(() => rm(folder, { recursive: true }));

const size = 4;
/** More shards than a window holds, none of them as large as another. */
const counts = Array.from({ length: 2 * shuffleWindowShards + 3 }, (_, shard) => 3 + (shard % 5));
const samples = madeSamples(
  counts.reduce((sum, count) => sum + count, 0),
  size,
);

async function writeShards(prefix: string): Promise<{ path: string; samples: number }[]> {
  let first = 0;
  return Promise.all(
    counts.map(async (count, shard) => {
      const path = join(folder, `${prefix}-${shard}.tfrecord`);
      const { bytes } = encodeShard(samples.slice(first, (first += count)), 3);
      await writeFile(path, bytes);
      return { path, samples: count };
    }),
  );
}
const shards = await writeShards('good');

const request: BatchesRequest = {
  shards,
  batchSize: 16,
  fromPosition: 0,
  imageBytes: size * size * 3,
};

async function readAll(batches: Batches): Promise<{ ids: string[]; sizes: number[] }> {
  const ids: string[] = [];
  const sizes: number[] = [];
  for (let batch = await batches.next(); batch; batch = await batches.next()) {
    batch.ids.forEach((id, index) => {
      const sample = samples[Number(id.slice(-5))]!;
      assert.equal(batch.labels[index], sample.label);
      const { imageBytes } = request;
      const image = batch.images.subarray(index * imageBytes, (index + 1) * imageBytes);
      assert.deepEqual(image, sample.image);
    });
    ids.push(...batch.ids);
    sizes.push(batch.labels.length);
    batch.release();
  }
  await batches.close();
  return { ids, sizes };
}

test('without a shuffle every record comes once, as stored, with its own label and image', async () => {
  const { ids, sizes } = await readAll(openBatches(request));
  assert.deepEqual(
    ids,
    samples.map(({ id }) => id),
  );
  assert.ok(sizes.slice(0, -1).every((count) => count === 16));
  assert.equal(sizes.at(-1), samples.length % 16);
});

test('an epoch comes in the order that follows from its seed and number', async () => {
  const shuffle = { seed: 3, epoch: 2 };
  const { ids } = await readAll(openBatches({ ...request, shuffle }));
  const firsts = counts.map((_, shard) => counts.slice(0, shard).reduce((sum, n) => sum + n, 0));
  const order = epochOrder({ shardSamples: counts, ...shuffle, windowShards: shuffleWindowShards });
  const expected = samples.map((_, position) => {
    const { shard, record } = order.at(position);
    return samples[firsts[shard]! + record]!.id;
  });
  assert.deepEqual(ids, expected);
});

test('from any position on, the batches are the rest of the epoch', async () => {
  const shuffle = { seed: 0, epoch: 1 };
  const { ids: whole } = await readAll(openBatches({ ...request, shuffle }));
  for (const fromPosition of [1, 16, 47, whole.length - 1, whole.length]) {
    const { ids } = await readAll(openBatches({ ...request, shuffle, fromPosition }));
    assert.deepEqual(ids, whole.slice(fromPosition));
  }
});

test('two epochs may be open at once, each going its own way', async () => {
  const [one, other] = await Promise.all(
    [0, 1].map((epoch) => readAll(openBatches({ ...request, shuffle: { seed: 0, epoch } }))),
  );
  assert.notDeepEqual(one!.ids, other!.ids);
  assert.deepEqual(one!.ids.toSorted(), other!.ids.toSorted());
});

test('no more batches are read ahead than there is memory for', async () => {
  const batches = openBatches({ ...request, batchSize: 4 });
  const held = [
    await batches.next(),
    await batches.next(),
    await batches.next(),
    await batches.next(),
  ];
  const fifth = batches.next();
  assert.equal(await Promise.race([fifth, sleep(200, 'none')]), 'none');
  held[0]!.release();
  assert.equal((await fifth)!.ids[0], samples[16]!.id);
  await batches.close();
});

test('a released batch is empty: its memory is that of a later one', async () => {
  const batches = openBatches(request);
  const batch = (await batches.next())!;
  batch.release();
  assert.equal(batch.images.length, 0);
  assert.equal(batch.labels.length, 0);
  await batches.close();
});

test('shards may be unlinked once the first batch is there', async () => {
  const passing = await writeShards('passing');
  const batches = openBatches({ ...request, shards: passing, shuffle: { seed: 0, epoch: 0 } });
  const first = (await batches.next())!;
  await Promise.all(passing.map(({ path }) => rm(path)));
  const rest = first.ids.length;
  first.release();
  const { ids } = await readAll(batches);
  assert.equal(ids.length, samples.length - rest);
});

test('a damaged shard fails the batch that needs it, by name and record', async () => {
  const path = join(folder, 'damaged.tfrecord');
  const { bytes } = encodeShard(samples.slice(0, 20), 3);
  bytes[bytes.length - 40]! ^= 1;
  await writeFile(path, bytes);
  const batches = openBatches({
    ...request,
    shards: [shards[0]!, { path, samples: 20 }],
    batchSize: 3,
  });
  assert.equal((await batches.next())!.ids.length, 3);
  const failure = {
    name: 'DamagedObject',
    message: `shard ${path}: record 19: the checksum of its data does not match`,
  };
  await assert.rejects(batches.next(), failure);
  await assert.rejects(batches.next(), failure);
  await batches.close();
});

test('a shard with another number of records than its manifest says is refused', async () => {
  const short = [{ path: shards[0]!.path, samples: 50 }];
  const batches = openBatches({ ...request, shards: short });
  await assert.rejects(batches.next(), /expected 50 samples, got 3/);
  await batches.close();
});

test('images of another size are refused by the sample that has it', async () => {
  const batches = openBatches({ ...request, imageBytes: 3072 });
  await assert.rejects(batches.next(), /sample made\/00000: expected 3072 bytes of image, got 48/);
  await batches.close();
});

test('a shard that is not there is refused', async () => {
  const missing = [{ path: join(folder, 'missing'), samples: 1 }];
  const batches = openBatches({ ...request, shards: missing });
  await assert.rejects(batches.next(), /ENOENT.*missing/);
  await batches.close();
});
