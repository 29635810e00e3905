/**
 * The JSON Schema of the configuration, for editors: what zod makes of `configSchema`, with the doc
 * comments of contract/config.ts as descriptions. Run as a script, it writes contract/config.schema.json.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Visitor, parseSync } from 'oxc-parser';
import type { Comment, ObjectExpression } from 'oxc-parser';
import { z } from 'zod';
import { configSchema } from '../../contract/config.ts';
import { presetNames } from '../../contract/presets.ts';

const sourceFile = new URL('../../contract/config.ts', import.meta.url);
export const schemaFile = new URL('../../contract/config.schema.json', import.meta.url);

interface JsonSchema {
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  [key: string]: unknown;
}

/** What a file of `--config` may hold. */
export function configFileSchema(): JsonSchema {
  const { $schema: dialect, ...schema } = z.toJSONSchema(configSchema, {
    io: 'input',
  }) as JsonSchema;
  forAnyPart(schema, docsOf(readFileSync(sourceFile, 'utf8')));
  const { properties, ...rest } = schema;
  return {
    $schema: dialect,
    title: 'Configuration of a Nightshift run',
    ...rest,
    properties: {
      $schema: { type: 'string', description: 'This schema, for editors.' },
      preset: {
        enum: presetNames,
        description: 'The configuration to start from: what is left out here comes from it.',
      },
      ...properties,
    },
  };
}

/** Any key may be left out, since it then comes from the preset; so no union can be told by its keys. */
function forAnyPart(schema: JsonSchema, docs: Docs): void {
  delete schema.required;
  if (schema.oneOf) {
    schema.anyOf = schema.oneOf;
    delete schema.oneOf;
  }
  const { properties = {} } = schema;
  const texts = docs.get(Object.keys(properties).join());
  for (const [key, value] of Object.entries(properties)) {
    const description = texts?.get(key);
    if (description !== undefined) value.description = description;
    forAnyPart(value, docs);
  }
  for (const one of schema.anyOf ?? []) forAnyPart(one, docs);
}

/** By the keys of an object's schema, which no other has: the doc comment of each. */
type Docs = ReadonlyMap<string, ReadonlyMap<string, string>>;

function docsOf(source: string): Docs {
  const { program, comments } = parseSync('config.ts', source);
  const docs = new Map<string, Map<string, string>>();
  new Visitor({
    ObjectExpression(object) {
      const entries = propertiesOf(object);
      const texts = new Map<string, string>();
      for (const { key, start } of entries) {
        const text = docBefore(start, source, comments);
        if (text !== undefined) texts.set(key, text);
      }
      if (texts.size > 0) docs.set(entries.map(({ key }) => key).join(), texts);
    },
  }).visit(program);
  return docs;
}

const propertiesOf = ({ properties }: ObjectExpression): { key: string; start: number }[] =>
  properties.flatMap((property) =>
    property.type === 'Property' && property.key.type === 'Identifier'
      ? [{ key: property.key.name, start: property.start }]
      : [],
  );

function docBefore(
  start: number,
  source: string,
  comments: readonly Comment[],
): string | undefined {
  const doc = comments.find(
    ({ value, end }) =>
      value.startsWith('*') && end <= start && source.slice(end, start).trim() === '',
  );
  return doc?.value
    .split('\n')
    .map((line) => line.replace(/^\s*\*\s?/, '').trim())
    .join(' ')
    .trim();
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(schemaFile, `${JSON.stringify(configFileSchema(), null, 2)}\n`);
}
