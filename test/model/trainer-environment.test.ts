/** The environment variables that a trainer computes under. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { trainerEnvironment } from '../../model/trainer-environment.ts';

const names = ['MALLOC_ARENA_MAX', 'NODE_OPTIONS', 'TF_ENABLE_ONEDNN_OPTS'];
const before = names.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

test('how many heaps there are is for who sets it to say', () => {
  process.env['MALLOC_ARENA_MAX'] = '4';
  assert.equal(trainerEnvironment()['MALLOC_ARENA_MAX'], '4');
});

test("Node's options are passed on, and stand above our own", () => {
  process.env['NODE_OPTIONS'] = '--max-semi-space-size=8';
  assert.match(trainerEnvironment()['NODE_OPTIONS']!, / --max-semi-space-size=8$/);
});

test('what would change the arithmetic is not passed on', () => {
  process.env['TF_ENABLE_ONEDNN_OPTS'] = '0';
  assert.equal(trainerEnvironment()['TF_ENABLE_ONEDNN_OPTS'], undefined);
});
