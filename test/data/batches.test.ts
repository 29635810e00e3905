import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { filesAt, openBatches } from '../../data/batches.ts';
import type { Batches, BatchesRequest, FetchShard } from '../../data/batches.ts';
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

async function writeShards(prefix: string): Promise<string[]> {
  let first = 0;
  return Promise.all(
    counts.map(async (count, shard) => {
      const path = join(folder, `${prefix}-${shard}.tfrecord`);
      const { bytes } = encodeShard(samples.slice(first, (first += count)), 3);
      await writeFile(path, bytes);
      return path;
    }),
  );
}
const paths = await writeShards('good');

const request: BatchesRequest = {
  shardSamples: counts,
  batchSize: 16,
  fromPosition: 0,
  imageBytes: size * size * 3,
};

const open = (given: Partial<BatchesRequest> = {}, fetch: FetchShard = filesAt(paths)): Batches =>
  openBatches({ ...request, ...given }, fetch);

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
  batches.close();
  return { ids, sizes };
}

test('without a shuffle every record comes once, as stored, with its own label and image', async () => {
  const { ids, sizes } = await readAll(open());
  assert.deepEqual(
    ids,
    samples.map(({ id }) => id),
  );
  assert.ok(sizes.slice(0, -1).every((count) => count === 16));
  assert.equal(sizes.at(-1), samples.length % 16);
});

test('an epoch comes in the order that follows from its seed and number', async () => {
  const shuffle = { seed: 3, epoch: 2 };
  const { ids } = await readAll(open({ shuffle }));
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
  const { ids: whole } = await readAll(open({ shuffle }));
  for (const fromPosition of [1, 16, 47, whole.length - 1, whole.length]) {
    const { ids } = await readAll(open({ shuffle, fromPosition }));
    assert.deepEqual(ids, whole.slice(fromPosition));
  }
});

test('two epochs may be open at once, each going its own way', async () => {
  const [one, other] = await Promise.all(
    [0, 1].map((epoch) => readAll(open({ shuffle: { seed: 0, epoch } }))),
  );
  assert.notDeepEqual(one!.ids, other!.ids);
  assert.deepEqual(one!.ids.toSorted(), other!.ids.toSorted());
});

test('no more batches are read ahead than there is memory for', async () => {
  const batches = open({ batchSize: 4 });
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
  batches.close();
});

test('a released batch is empty: its memory is that of a later one', async () => {
  const batches = open();
  const batch = (await batches.next())!;
  batch.release();
  assert.equal(batch.images.length, 0);
  assert.equal(batch.labels.length, 0);
  batches.close();
});

test('an open shard may be unlinked', async () => {
  const passing = await writeShards('passing');
  const batches = open({ shardSamples: counts.slice(0, 2) }, filesAt(passing));
  // The second one was opened by then.
  assert.equal((await batches.next())!.ids.length, 7);
  await Promise.all(passing.map((path) => rm(path)));
  assert.equal(await batches.next(), undefined);
  batches.close();
});

/** Files that come when they are let, and say what became of them. */
function watched(): { fetch: FetchShard; come: (shard: number) => void; log: string[] } {
  const log: string[] = [];
  const coming = new Map<number, () => void>();
  return {
    log,
    come: (shard) => coming.get(shard)!(),
    fetch: async (shard) => {
      log.push(`wants ${shard}`);
      await new Promise<void>((resolve) => coming.set(shard, resolve));
      return { path: paths[shard]!, release: () => void log.push(`passed ${shard}`) };
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

test('a window is read once its shards are there, and the next one is wanted then', async () => {
  const shuffle = { seed: 3, epoch: 2 };
  const order = epochOrder({ shardSamples: counts, ...shuffle, windowShards: shuffleWindowShards });
  const [first, second] = order.windows.map(({ shards }) => shards);
  const { fetch, come, log } = watched();
  const batches = open({ shuffle, batchSize: 4 }, fetch);
  await until(() => log.length === first!.length);
  assert.deepEqual(
    log,
    first!.map((shard) => `wants ${shard}`),
  );
  for (const shard of first!.slice(1)) come(shard);
  assert.equal(await Promise.race([batches.next(), sleep(100, 'none')]), 'none');
  come(first![0]!);
  await until(() => log.length === first!.length + second!.length);
  assert.deepEqual(
    log.slice(first!.length),
    second!.map((shard) => `wants ${shard}`),
  );
  batches.close();
});

test('shards are let go of when their window has passed, and all that are held at the end', async () => {
  const { fetch, come, log } = watched();
  const batches = open({ shardSamples: counts.slice(0, 4), batchSize: 3 }, fetch);
  await until(() => log.includes('wants 0'));
  come(0);
  await until(() => log.includes('wants 1'));
  come(1);
  const seen = [await batches.next(), await batches.next()];
  await until(() => log.includes('passed 0'));
  assert.ok(!log.includes('passed 1'));
  assert.deepEqual(
    seen.map((batch) => batch!.ids.length),
    [3, 3],
  );
  await until(() => log.includes('wants 2'));
  batches.close();
  assert.ok(log.includes('passed 1'));
  come(2);
  await until(() => log.includes('passed 2'));
});

test('going on from a position wants the windows that are still needed, and no other', async () => {
  const { fetch, log } = watched();
  const fromPosition = counts[0]! + counts[1]!;
  const batches = open({ shardSamples: counts.slice(0, 3), fromPosition }, fetch);
  await until(() => log.length > 0);
  assert.deepEqual(log, ['wants 2']);
  batches.close();
});

test('a shard that is gone fails the batch that needs it, when its turn comes', async () => {
  const gone = Object.assign(new Error('s3://b/k: is missing'), { name: 'DamagedObject' });
  const fetch: FetchShard = async (shard) => {
    if (shard === 1) throw gone;
    return filesAt(paths)(shard);
  };
  const batches = open({ shardSamples: counts.slice(0, 2), batchSize: 3 }, fetch);
  assert.equal((await batches.next())!.ids.length, 3);
  const failure = { name: gone.name, message: gone.message };
  await assert.rejects(batches.next(), failure);
  await assert.rejects(batches.next(), failure);
  batches.close();
});

test('whoever waits for a batch may give up', async () => {
  const stop = new AbortController();
  const batches = open({}, watched().fetch);
  const waiting = batches.next(stop.signal);
  stop.abort(new Error('told to stop'));
  await assert.rejects(waiting, /told to stop/);
  batches.close();
});

test('a damaged record fails the batch that needs it, by shard and number', async () => {
  const path = join(folder, 'damaged.tfrecord');
  const { bytes } = encodeShard(samples.slice(0, 20), 3);
  bytes[bytes.length - 40]! ^= 1;
  await writeFile(path, bytes);
  const batches = open({ shardSamples: [3, 20], batchSize: 12 }, filesAt([paths[0]!, path]));
  assert.equal((await batches.next())!.ids.length, 12);
  await assert.rejects(batches.next(), {
    name: 'DamagedObject',
    message: `shard ${path}: record 19: the checksum of its data does not match`,
  });
  batches.close();
});

test('a shard with another number of records than its manifest says is refused', async () => {
  const batches = open({ shardSamples: [50] });
  await assert.rejects(batches.next(), /expected 50 samples, got 3/);
  batches.close();
});

test('images of another size are refused by the sample that has it', async () => {
  const batches = open({ imageBytes: 3072 });
  await assert.rejects(batches.next(), /sample made\/00000: expected 3072 bytes of image, got 48/);
  batches.close();
});

test('a shard that is not there is refused', async () => {
  const batches = open({ shardSamples: [1] }, filesAt([join(folder, 'missing')]));
  await assert.rejects(batches.next(), /ENOENT.*missing/);
  batches.close();
});
