/** The variables that a worker reads. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const textOf = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the README names each variable of our own that a worker reads', () => {
  const readme = textOf('README.md');
  const read = new Set(textOf('workers/settings.ts').match(/\bNIGHTSHIFT_\w+/g));
  assert.ok(read.size > 0);
  assert.deepEqual(
    [...read].filter((name) => !readme.includes(name)),
    [],
  );
});
