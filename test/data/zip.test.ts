/** Zips by ranges: what is in them, from where on they can be read, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NightshiftError } from '../../contract/failures.ts';
import { readZip } from '../../data/zip.ts';
import type { RangedBytes } from '../../data/zip.ts';
import { zipOf } from './archives.ts';

const rangesOf = (bytes: Buffer): RangedBytes => ({
  size: bytes.length,
  read: async (offset, length) => bytes.subarray(offset, offset + length),
});

async function readAll(source: RangedBytes, from = 0) {
  const found: { name: string; text: string; next: number }[] = [];
  for await (const { name, next, bytes } of readZip(source, 'the zip', from)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes()) pieces.push(piece);
    found.push({ name, text: Buffer.concat(pieces).toString(), next });
  }
  return found;
}

const refused = (zip: Buffer, message: RegExp): Promise<void> =>
  assert.rejects(readAll(rangesOf(zip)), { name: 'InvalidData', message });

test('a zip gives its files in order, from any of them on', async () => {
  const zip = zipOf(
    { name: 'pets/', bytes: '', mode: 0o040755 },
    { name: 'pets/cat.jpg', bytes: 'a cat' },
    { name: '__MACOSX/pets/._cat.jpg', bytes: 'x' },
    { name: 'pets/dog.jpg', bytes: 'd'.repeat(100_000) },
  );
  const all = await readAll(rangesOf(zip));
  assert.deepEqual(
    all.map(({ name, text }) => [name, text.length]),
    [
      ['pets/cat.jpg', 5],
      ['pets/dog.jpg', 100_000],
    ],
  );
  assert.deepEqual(await readAll(rangesOf(zip), all[0]!.next), all.slice(1));
});

test('names that lead out, links and passwords are refused', async () => {
  await refused(zipOf({ name: '../cat.jpg', bytes: '' }), /'?\.\.\/cat\.jpg/);
  await refused(
    zipOf({ name: 'cat.jpg', bytes: 'dog.jpg', mode: 0o120777 }),
    /a symbolic link, 'c/,
  );
  await refused(zipOf({ name: 'cat.jpg', bytes: 'x', flags: 1 }), /is encrypted \('cat\.jpg'\)/);
});

test('what is damaged, cut short or no zip is refused', async () => {
  const zip = zipOf({ name: 'cat.jpg', bytes: 'a cat' });
  await refused(zip.subarray(0, -30), /^the zip can't be read as a zip/);
  await refused(Buffer.from('<html>'.repeat(100)), /^the zip can't be read as a zip/);
  const wrong = zipOf({ name: 'cat.jpg', bytes: 'a cat', checksum: 7 });
  await refused(wrong, /^the zip is damaged: the checksum of 'cat\.jpg' does not match/);
});

test('a zip whose table names more than it can hold is refused before it is unpacked', async () => {
  const page = { bytes: Buffer.alloc(30 * 1024 * 1024) };
  const zip = zipOf({ name: 'a', ...page }, { name: 'b', ...page }, { name: 'c', ...page });
  await refused(zip, /unpacks to more than 100 times its size/);
});

test('a fault of the source is thrown as it came', async () => {
  const fault = new NightshiftError('Unavailable', 'no answer');
  const read = async (): Promise<Uint8Array> => Promise.reject(fault);
  await assert.rejects(readAll({ size: 1000, read }), fault);
});
