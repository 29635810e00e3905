/** The devkit's tables, from files of the same layout that SciPy saved. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { validationClasses, validationNumber } from '../../data/ilsvrc.ts';
import { readMatStructs } from '../../data/mat-file.ts';

const fixture = (name: string): Buffer => readFileSync(new URL(name, import.meta.url));
const meta = fixture('ilsvrc-meta.mat');

test('a MAT-file gives its structures, packed or not', () => {
  for (const file of [meta, fixture('ilsvrc-meta-plain.mat')]) {
    const rows = readMatStructs(file, 'synsets', 'meta.mat');
    assert.deepEqual(
      rows.map((row) => ['ILSVRC2012_ID', 'WNID', 'num_children'].map((key) => row.get(key))),
      [
        [1, 'n02119789', 0],
        [2, 'n02100735', 0],
        [3, 'n01440764', 0],
        [1001, 'n02118333', 2],
      ],
    );
    assert.equal(rows[3]!.get('words'), 'fox');
    assert.equal(rows[0]!.get('children'), undefined);
  }
});

test('what is no MAT-file, damaged, or lacks the variable is refused', () => {
  const read = (bytes: Uint8Array, name = 'synsets') => readMatStructs(bytes, name, 'meta.mat');
  assert.throws(
    () => read(Buffer.alloc(200)),
    /InvalidData: meta\.mat is no MAT-file of version 5/,
  );
  assert.throws(() => read(meta.subarray(0, 400)), /InvalidData: meta\.mat can't be read/);
  assert.throws(() => read(meta, 'classes'), /there is no variable 'classes'/);
});

test("a validation image's class is looked up by the devkit's own numbers", () => {
  const truth = Buffer.from('3\n1\n2\n3\n');
  assert.deepEqual(validationClasses(meta, truth), [
    'n01440764',
    'n02119789',
    'n02100735',
    'n01440764',
  ]);
  assert.equal(validationNumber('ILSVRC2012_val_00000042.JPEG'), 42);
  assert.equal(validationNumber('ILSVRC2012_val_42.txt'), undefined);
  assert.throws(
    () => validationClasses(meta, Buffer.from('1\n7\n')),
    /InvalidData: .*line 2: no synset in meta\.mat has the id '7'/,
  );
});
