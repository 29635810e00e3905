/** The room's README names what there is. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { purposes } from '../../data/random.ts';

const room = new URL('../../data/', import.meta.url);
const readme = readFileSync(new URL('README.md', room), 'utf8');

test('each file of the room has its job in the README', () => {
  const files = readdirSync(room).filter((name) => name.endsWith('.ts'));
  assert.deepEqual(
    files.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  );
});

test('each purpose of randomness has its row in the README', () => {
  const { 1: table = '' } = readme.split('## Randomness');
  for (const [name, purpose] of Object.entries(purposes)) {
    assert.match(table, new RegExp(`^\\|[^|]+\\| ${purpose} +\\|`, 'm'), name);
  }
});
