/** TFRecord as it streams, and the records of a dataset's packs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteReader } from '../../data/byte-reader.ts';
import { decodeFeatures } from '../../data/example.ts';
import { encodeImageRecord } from '../../data/image-record.ts';
import { frameRecord, readRecords } from '../../data/record-stream.ts';
import type { StreamedRecord } from '../../data/record-stream.ts';
import { openShard } from '../../data/tfrecord.ts';

async function recordsOf(bytes: Uint8Array, from = 0): Promise<StreamedRecord[]> {
  const pieces = async function* () {
    for (let at = from; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
  };
  const records: StreamedRecord[] = [];
  for await (const record of readRecords(new ByteReader(pieces(), from), 'a.tfrecord')) {
    records.push(record);
  }
  return records;
}

const file = Buffer.concat(
  ['one', '', 'three'.repeat(99)].map((text) => frameRecord(Buffer.from(text))),
);

test('records stream in order, from any of them on', async () => {
  const all = await recordsOf(file);
  assert.deepEqual(
    all.map(({ data }) => data.length),
    [3, 0, 495],
  );
  assert.deepEqual(await recordsOf(file, all[0]!.next), all.slice(1));
  assert.equal(openShard(file, 'a').count, 3);
});

test('a file that is damaged, cut short or no TFRecord is refused with the place', async () => {
  const changed = (at: number): Buffer => {
    const copy = Buffer.from(file);
    copy[at]! ^= 1;
    return copy;
  };
  for (const [bytes, problem] of [
    [changed(0), /^a\.tfrecord, record at byte 0: the checksum of its length/],
    [changed(13), /record at byte 0: the checksum of its data/],
    [file.subarray(0, -3), /record at byte 35: the file ends within it/],
    [file.subarray(0, 25), /record at byte 19: the file ends within it/],
    [Buffer.from('<html>'.repeat(9)), /no TFRecord/],
  ] as const) {
    await assert.rejects(recordsOf(bytes), { name: 'InvalidData', message: problem });
  }
});

test("a pack's record has TensorFlow's names, and says where the file's own bytes lie", async () => {
  const encoded = Buffer.from('the bytes of a JPEG');
  const { bytes, encodedAt } = encodeImageRecord({
    ...{ id: 'pets/cat/1.jpg', class: 'cat', side: 'train', group: 'p1' },
    ...{ format: 'jpeg', encoded },
  });
  assert.deepEqual(bytes.subarray(encodedAt, encodedAt + encoded.length), encoded);
  const [record] = await recordsOf(bytes);
  const { blobs } = decodeFeatures(record!.data);
  assert.deepEqual(
    [...blobs].map(([name, value]) => [name, Buffer.from(value).toString()]),
    [
      ['image/class/text', 'cat'],
      ['image/encoded', 'the bytes of a JPEG'],
      ['image/format', 'jpeg'],
      ['image/group', 'p1'],
      ['image/id', 'pets/cat/1.jpg'],
      ['image/side', 'train'],
    ],
  );
});

test('numbers that a tool wrote one by one, not packed, are read', () => {
  const list = [0x1a, 2, 0x08, 7]; // int64_list, its value with a tag of its own
  const key = [...Buffer.from('image/class/label')];
  const entry = [0x0a, key.length, ...key, 0x12, list.length, ...list];
  const features = [0x0a, entry.length, ...entry];
  const { numbers } = decodeFeatures(Uint8Array.from([0x0a, features.length, ...features]));
  assert.deepEqual([...numbers], [['image/class/label', 7]]);
});
