/** Lists of samples in pages: what is written comes back, and no more is read than is asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../data/digest.ts';
import { formatPages, pagesOf, parsePage, rowsPerPage } from '../../data/sample-list.ts';
import type { Sample } from '../../data/sample-list.ts';

function made(count: number): Sample[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `b/${index}`,
    file: 'b.bin',
    offset: 3073 * index + 1,
    length: 3072,
    label: index % 3,
    sha256: sha256(`content ${index}`),
  }));
}

const stored = (names: readonly string[]) =>
  names.map((name) => ({ name, key: name, size: 1, sha256: sha256(name) }));

const namesOf = (files: readonly { readonly name: string }[]): string[] =>
  files.map(({ name }) => name);

test('a list comes back as it was written, whatever its ids hold', () => {
  const [plain] = made(1);
  const full = { group: 'patient 7', side: 'test', phash: '0123456789abcdef' } as const;
  const samples = [plain!, { ...plain!, id: 'ü "quoted"\n}\u2028,' }, { ...plain!, ...full }];
  const [page] = formatPages('index', samples);
  assert.deepEqual([...parsePage(page!.bytes)], samples);
  const lines = Buffer.from(page!.bytes).toString().split('\n');
  const hash = sha256('content 0');
  const shown = `{"id":"b/0","file":"b.bin","offset":1,"length":3072,"label":0,"sha256":"${hash}"`;
  assert.equal(lines[0], `${shown}}`);
  assert.equal(lines[2], `${shown},"group":"patient 7","side":"test","phash":"0123456789abcdef"}`);
});

test('every page but the last is full', () => {
  for (const [count, sizes] of [
    [0, []],
    [rowsPerPage, [rowsPerPage]],
    [rowsPerPage + 1, [rowsPerPage, 1]],
  ] as const) {
    const pages = [...formatPages('train', made(count))];
    assert.deepEqual(
      pages.map(({ bytes }) => [...parsePage(bytes)].length),
      sizes,
    );
    assert.deepEqual(
      pages.flatMap(({ bytes }) => [...parsePage(bytes)]),
      made(count),
    );
  }
});

test('the pages of some rows are those that hold one of them', () => {
  const files = stored(['train-00002.jsonl', 'train-00000.jsonl', 'train-00001.jsonl']);
  const pages = (first: number, count: number): string[] =>
    namesOf(pagesOf(files, 'train', first, count));
  assert.deepEqual(pages(0, 1), ['train-00000.jsonl']);
  assert.deepEqual(pages(0, rowsPerPage), ['train-00000.jsonl']);
  assert.deepEqual(pages(rowsPerPage - 1, 2), ['train-00000.jsonl', 'train-00001.jsonl']);
  assert.deepEqual(pages(rowsPerPage, rowsPerPage), ['train-00001.jsonl']);
  assert.deepEqual(pages(2 * rowsPerPage + 5, 3), ['train-00002.jsonl']);
});

test("a list's pages are told from a manifest's other files", () => {
  const files = stored(['train-x-00000.jsonl', 'train-00000.bin', 'index-00000.jsonl', 'train-1']);
  assert.deepEqual(pagesOf(files, 'train'), []);
  assert.deepEqual(namesOf(pagesOf(files, 'index')), ['index-00000.jsonl']);
});
