/** Reading samples: only the pages and bytes that are asked for, and none that is not as it was. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { readRows, readSamples } from '../../activities/read-samples.ts';
import type { DatasetManifest } from '../../contract/manifests.ts';
import { formatPages, rowsPerPage } from '../../data/sample-list.ts';
import type { Sample } from '../../data/sample-list.ts';
import { writeData } from '../../storage/commit.ts';
import { sha256Hex } from '../../storage/hash.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { openTestServices, testStep } from '../support/data-services.ts';
import { overlayStore } from '../support/overlay-store.ts';

/** Calls of the store, as `name key`. */
let calls: string[];
let services: Awaited<ReturnType<typeof openTestServices>>;
beforeEach(async () => {
  calls = [];
  const memory = openMemoryStore();
  services = await openTestServices(
    overlayStore(memory, {
      get: (key, options) => (calls.push(`get ${key}`), memory.get(key, options)),
      getRange: (key, range, options) => {
        calls.push(`getRange ${key} ${range.offset} ${range.length}`);
        return memory.getRange(key, range, options);
      },
      getToFile: (key, path, options) => (
        calls.push(`getToFile ${key}`),
        memory.getToFile(key, path, options)
      ),
    }),
  );
});
afterEach(() => services.remove());

const { signal } = testStep();

/** Two packs of ten images of seven bytes, in turn; by its manifest each pack has `packBytes`. */
async function madeDataset(packBytes: number) {
  const packs = ['a', 'b'].map((name) => ({
    name,
    bytes: Buffer.from(name.repeat(10) + 'rest of it: '.repeat(9)),
  }));
  const files = await writeData(services.store, 'packs/', packs);
  const rows = Array.from({ length: 20 }, (_, index): Sample => {
    const pack = packs[index % 2]!;
    const [offset, length] = [3 + 5 * (index >> 1), 7];
    const sha256 = sha256Hex(pack.bytes.subarray(offset, offset + length));
    return { id: `${index}`, file: pack.name, offset, length, label: 0, sha256 };
  });
  const dataset = { files: files.map((file) => ({ ...file, size: packBytes })) };
  const bytesOf = ({ file, offset, length }: Sample): string =>
    packs
      .find(({ name }) => name === file)!
      .bytes.toString()
      .slice(offset, offset + length);
  return { dataset: dataset as unknown as DatasetManifest, rows, bytesOf };
}

const text = async (_: Sample, bytes: Uint8Array): Promise<string> => Buffer.from(bytes).toString();

test('rows come from the pages that hold them, across their borders', async () => {
  const samples = Array.from({ length: 2 * rowsPerPage + 5 }, (_, index) => ({
    ...{ id: `${index}`, file: 'a', offset: index, length: 1, label: 0, sha256: '' },
  }));
  const files = await writeData(services.store, '', formatPages('train', samples));
  for (const [first, count, pages] of [
    [0, 3, 1],
    [rowsPerPage - 2, 2, 1],
    [rowsPerPage - 2, 4, 2],
    [rowsPerPage, 1, 1],
    [rowsPerPage - 1, rowsPerPage + 6, 3],
  ] as const) {
    calls = [];
    const rows = await readRows(services.store, files, 'train', { first, count });
    assert.deepEqual(rows, samples.slice(first, first + count));
    assert.equal(calls.length, pages);
  }
});

test('the packs of a small dataset are read whole, and only those that are wanted', async () => {
  const { dataset, rows, bytesOf } = await madeDataset(100);
  const wanted = rows.filter(({ file }) => file === 'b').toReversed();
  const got = await readSamples(services, dataset, wanted, signal, text);
  assert.deepEqual(got, wanted.map(bytesOf));
  assert.deepEqual(calls, ['getToFile packs/b']);
});

test('images of a large dataset are read by themselves, and come in the order asked for', async () => {
  const { dataset, rows, bytesOf } = await madeDataset(200_000_000);
  const got = await readSamples(services, dataset, rows.toReversed(), signal, text);
  assert.deepEqual(got, rows.toReversed().map(bytesOf));
  assert.equal(calls.length, rows.length);
  assert.equal(calls[0], 'getRange packs/b 48 7');
});

for (const [size, packBytes] of [
  ['small', 100],
  ['large', 200_000_000],
] as const) {
  test(`an image of a ${size} dataset that is not as its row says is damage, with its place`, async () => {
    const { dataset, rows } = await madeDataset(packBytes);
    const other = rows.map((row) => (row.id === '7' ? { ...row, offset: row.offset - 1 } : row));
    await assert.rejects(readSamples(services, dataset, other, signal, text), {
      name: 'DamagedObject',
      message: /^s3:\/\/memory\/packs\/b: image 7, 7 bytes from byte 17 on: expected SHA-256 /,
    });
  });
}
