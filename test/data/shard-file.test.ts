/** Shards on disk, written and read a record at a time. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openShardFile } from '../../data/shard-file.ts';
import { writeShardFile } from '../../data/shard-writer.ts';
import { encodeShard } from '../../data/tfrecord.ts';
import { madeSamples } from './support.ts';

const folder = await mkdtemp(join(tmpdir(), 'nightshift-shard-file-'));
after(() => rm(folder, { recursive: true }));
const path = join(folder, 'shard.tfrecord');

/** More than a piece of reading holds, and than one of writing: 6 MB. */
const many = madeSamples(500, 64);
/** Each larger than a piece of reading. */
const large = madeSamples(3, 400);

for (const [name, samples] of Object.entries({ many, large, none: [] })) {
  test(`a shard written a record at a time is the bytes it always was: ${name}`, async () => {
    const made = await writeShardFile(path, samples, 3);
    const { bytes, ...rest } = encodeShard(samples, 3);
    assert.deepEqual(made, rest);
    assert.ok(Buffer.from(bytes).equals(await readFile(path)));
  });

  test(`any record is read from where it lies: ${name}`, async () => {
    await writeFile(path, encodeShard(samples, 3).bytes);
    const shard = await openShardFile(path);
    assert.equal(shard.count, samples.length);
    for (const index of [...samples.keys()].toReversed()) {
      const { image, ...rest } = shard.read(index);
      assert.deepEqual({ ...rest, image: Uint8Array.from(image) }, samples[index]);
    }
    await shard.close();
  });
}

const { bytes } = encodeShard(madeSamples(3), 3);

test('a shard that ends early is refused by the record it ends in', async () => {
  for (const [length, problem] of [
    [bytes.length - 1, /record 2: expected \d+ bytes, but the file ends after \d+/],
    [5, /record 0: the file ends after 5 bytes/],
  ] as const) {
    await writeFile(path, bytes.subarray(0, length));
    await assert.rejects(openShardFile(path), { name: 'DamagedObject', message: problem });
  }
});

test('a length that is not what was written is refused', async () => {
  const hurt = Buffer.from(bytes);
  hurt[0]! ^= 1;
  await writeFile(path, hurt);
  await assert.rejects(openShardFile(path), /record 0: the checksum of its length does not match/);
});

test('a record whose data are not what was written is refused when it is read', async () => {
  const hurt = Buffer.from(bytes);
  hurt[hurt.length - 40]! ^= 1;
  await writeFile(path, hurt);
  const shard = await openShardFile(path);
  assert.equal(shard.read(1).id, madeSamples(3)[1]!.id);
  assert.throws(() => shard.read(2), {
    name: 'DamagedObject',
    message: `shard ${path}: record 2: the checksum of its data does not match`,
  });
  await shard.close();
});
