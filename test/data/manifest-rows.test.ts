import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifestRows } from '../../data/manifest-rows.ts';
import type { ManifestFormat, ManifestRow } from '../../data/manifest-rows.ts';

async function rowsOf(text: string, format: ManifestFormat): Promise<ManifestRow[]> {
  const rows: ManifestRow[] = [];
  const pieces = async function* () {
    for (let at = 0; at < text.length; at += 7) yield Buffer.from(text.slice(at, at + 7));
  };
  for await (const row of readManifestRows(pieces(), format, 'the list')) rows.push(row);
  return rows;
}

const expected: ManifestRow[] = [
  { address: 'a, b.jpg', label: 'cat', group: 'p1', side: 'validation' },
  { address: 's3://pets/c.jpg', label: '7', group: undefined, side: undefined },
];

test('CSV and JSON Lines give the same rows, other columns are passed over', async () => {
  const csv =
    '\uFEFFaddress,label,group,side,note\n"a, b.jpg",cat,p1,val,x\r\n\ns3://pets/c.jpg,7,,,\n';
  assert.deepEqual(await rowsOf(csv, 'csv'), expected);
  const jsonl = `{"address":"a, b.jpg","label":"cat","group":"p1","side":"val","note":1}

{"address":"s3://pets/c.jpg","label":7,"group":null}`;
  assert.deepEqual(await rowsOf(jsonl, 'jsonl'), expected);
});

test('a row that says too little or something else is refused with its number', async () => {
  for (const [text, format, problem] of [
    ['address,class\na.jpg,cat\n', 'csv', 'row 1, label:'],
    ['address,label\na.jpg,cat\nb.jpg,\n', 'csv', 'row 2, label:'],
    ['address,label,side\na.jpg,cat,dev\n', 'csv', "row 1, side: 'dev' is none of train"],
    ['address,label\na.jpg,cat,dog\n', 'csv', 'is no CSV with a header'],
    ['{"address":"a.jpg","label":1}\n{"address"\n', 'jsonl', 'line 2 is no JSON'],
    ['["a.jpg"]\n', 'jsonl', 'row 1, '],
  ] as const) {
    await assert.rejects(rowsOf(text, format), (error: Error) => {
      assert.equal(error.name, 'InvalidData');
      assert.ok(error.message.includes(problem), error.message);
      return true;
    });
  }
});
