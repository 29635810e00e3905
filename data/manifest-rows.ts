/** Reads a list of images and what is known of each: CSV with a header, or JSON Lines. */
import { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import { z } from 'zod';
import type { Side } from '../contract/manifests.ts';
import { invalid } from './archive.ts';
import { sideNamed } from './class-folders.ts';

export interface ManifestRow {
  readonly address: string;
  readonly label: string;
  readonly group?: string | undefined;
  readonly side?: Side | undefined;
}

export type ManifestFormat = 'csv' | 'jsonl';

const text = z.string().min(1);
const optionalText = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .transform((value) => value || undefined);
const rowSchema = z.object({
  address: text,
  label: z.union([text, z.int().transform(String)]),
  group: optionalText,
  side: optionalText.transform((name, context) => {
    const side = name === undefined ? undefined : sideNamed(name);
    if (name === undefined || side) return side;
    context.addIssue({
      code: 'custom',
      message: `'${name}' is none of train, validation and test`,
    });
    return z.NEVER;
  }),
});

/**
 * Rows of `address`, `label` and, where the list has them, `group` and `side`; other columns are
 * passed over. Throws `InvalidData`, which names `what`, the row and the rule.
 */
export async function* readManifestRows(
  stream: AsyncIterable<Uint8Array>,
  format: ManifestFormat,
  what: string,
): AsyncGenerator<ManifestRow> {
  let number = 0;
  for await (const row of format === 'csv' ? csvRows(stream, what) : jsonRows(stream, what)) {
    number += 1;
    const parsed = rowSchema.safeParse(row);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0]!;
      throw invalid(what, `row ${number}, ${path.join('.') || 'the row'}: ${message}`);
    }
    const { address, label, group, side } = parsed.data;
    yield { address, label, group, side };
  }
}

async function* csvRows(stream: AsyncIterable<Uint8Array>, what: string): AsyncGenerator {
  const rows = parse({ bom: true, columns: true, skip_empty_lines: true, trim: true });
  const source = Readable.from(stream, { objectMode: false });
  source.on('error', (error) => rows.destroy(error));
  try {
    yield* source.pipe(rows) as AsyncIterable<unknown>;
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('CSV_')) throw error;
    throw invalid(what, `is no CSV with a header: ${(error as Error).message}`, error);
  } finally {
    source.destroy();
  }
}

async function* jsonRows(stream: AsyncIterable<Uint8Array>, what: string): AsyncGenerator {
  const source = Readable.from(stream, { objectMode: false });
  let number = 0;
  for await (const line of createInterface({ input: source, crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      yield JSON.parse(line);
    } catch (error) {
      throw invalid(what, `line ${number} is no JSON: ${(error as Error).message}`, error);
    }
  }
}
