/** What an import notes of each file it looked at: JSON Lines, a row a file. */
import type { Side } from '../contract/manifests.ts';

export interface ImportedImage {
  readonly id: string;
  readonly class: string;
  /** Of the file's own bytes, in the part's pack. */
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
  /** `differenceHash` of what it looks like. */
  readonly phash: string;
  readonly group?: string | undefined;
  readonly side?: Side | undefined;
}

/** A file that is set aside. */
export interface RejectedFile {
  readonly id: string;
  readonly reason: string;
}

export type ImportRow = ImportedImage | RejectedFile;

export const isRejected = (row: ImportRow): row is RejectedFile => 'reason' in row;

export const formatImportRow = (row: ImportRow): string => `${JSON.stringify(row)}\n`;

/** What `formatImportRow` wrote, row by row. */
export function* parseImportRows(bytes: Uint8Array): Generator<ImportRow> {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  for (const line of lines.split('\n')) if (line !== '') yield JSON.parse(line) as ImportRow;
}
