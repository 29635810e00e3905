import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeShard, openShard } from '../../data/tfrecord.ts';
import { madeSamples } from './support.ts';

const worked = {
  id: 'test_batch/00007',
  label: 3,
  image: Uint8Array.of(255, 128, 0),
  height: 1,
  width: 1,
};

test('samples come back as they were written', () => {
  const samples = [...madeSamples(20), { ...madeSamples(1, 9)[0]!, id: 'ü/1', label: 300 }];
  const { bytes } = encodeShard(samples, 301);
  const shard = openShard(bytes, '00000');
  assert.equal(shard.count, 21);
  samples.forEach((sample, index) => {
    const { image, ...rest } = shard.read(index);
    assert.deepEqual({ ...rest, image: Uint8Array.from(image) }, sample);
  });
});

test('a record is the bytes of the worked example in the README', () => {
  const hex = [
    'a10000000000000002e3241b0a9e010a1a0a11696d6167652f636c6173732f6c6162656c12051a03',
    '0a01030a180a0d696d6167652f656e636f64656412070a050a03ff80000a170a0c696d6167652f66',
    '6f726d617412070a050a037261770a150a0c696d6167652f68656967687412051a030a01010a200a',
    '08696d6167652f696412140a120a10746573745f62617463682f30303030370a140a0b696d616765',
    '2f776964746812051a030a010178d8a0d5',
  ].join('');
  assert.equal(Buffer.from(encodeShard([worked], 10).bytes).toString('hex'), hex);
});

test('what goes to the manifest is the number of samples and how many there are of each class', () => {
  const { samples, labelCounts } = encodeShard(madeSamples(8), 4);
  assert.equal(samples, 8);
  assert.deepEqual(labelCounts, [3, 3, 2, 0]);
});

test('an image is read as a view of the shard, wherever its bytes lie in memory', () => {
  const { bytes } = encodeShard(madeSamples(3), 3);
  const offset = new Uint8Array(bytes.length + 5);
  offset.set(bytes, 5);
  const shard = openShard(offset.subarray(5), '00000');
  const { image } = shard.read(2);
  assert.equal(image.buffer, offset.buffer);
  assert.deepEqual(Uint8Array.from(image), madeSamples(3)[2]!.image);
});

test('a flip of any bit of a shard is detected, and the record named', () => {
  const { bytes } = encodeShard([worked, { ...worked, id: 'test_batch/00008' }], 10);
  const recordBytes = bytes.length / 2;
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const record = Math.floor((bit >> 3) / recordBytes);
    assert.throws(() => openShard(bytes, '00012'), {
      name: 'DamagedObject',
      message: new RegExp(`^shard 00012: record ${record}: the checksum of its (length|data)`),
    });
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assert.equal(openShard(bytes, '00012').count, 2);
});

test('a shard that ends within a record is refused', () => {
  const { bytes } = encodeShard([worked, worked], 10);
  const recordBytes = bytes.length / 2;
  for (let length = recordBytes + 1; length < bytes.length; length += 1) {
    assert.throws(
      () => openShard(bytes.subarray(0, length), '00012'),
      /shard 00012: record 1: .*the file ends after \d+/,
    );
  }
});

test('an empty shard has no record', () => {
  assert.equal(openShard(encodeShard([], 10).bytes, '00000').count, 0);
});
