import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configFileSchema, schemaFile } from './config-schema.ts';

test('the published JSON Schema is that of the configuration: `npm run build:schema` writes it', () => {
  assert.deepEqual(JSON.parse(readFileSync(schemaFile, 'utf8')), configFileSchema());
});

test('the schema tells what a key means, its default and its rule, wherever it lies', () => {
  const { properties } = configFileSchema();
  const keyAt = (...path: string[]) =>
    path.reduce((schema, key) => schema.properties![key]!, { properties } as ReturnType<
      typeof configFileSchema
    >);
  assert.deepEqual(keyAt('training', 'plateau', 'factor'), {
    description: 'Multiply the rate by this.',
    default: 0.5,
    type: 'number',
    exclusiveMinimum: 0,
    exclusiveMaximum: 1,
  });
  assert.match(keyAt('dataset', 'source').description!, /^`cifar10` \(the official .+ layout\.$/);
  const [rmsprop] = keyAt('training', 'optimizer').anyOf!;
  assert.equal(
    rmsprop!.properties!['rho']!.description,
    'Decay of the moving average of squared gradients.',
  );
});

test('an editor takes any part of the configuration, but no key that there is not', () => {
  const schema = JSON.stringify(configFileSchema());
  assert.doesNotMatch(schema, /"required"|"oneOf"/);
  assert.match(schema, /"additionalProperties":false/);
});
