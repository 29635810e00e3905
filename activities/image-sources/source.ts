/** What every source of images comes to: its files in an order that holds, from any of them on. */
import type { ArchiveFile } from '../../data/archive.ts';
import type { ClassOfImage } from '../../data/class-folders.ts';

export interface ImageSource {
  /** Equal identities mean equal files in the same order. */
  readonly identity: unknown;
  /** Bytes in all, where that is known: the measure of progress. */
  readonly totalBytes: number | undefined;
  /** From a file's `next` on; from the beginning without. */
  files(from: Cursor): AsyncIterable<SourceFile>;
}

/** Where a source goes on: whole numbers that only it understands; none: at its beginning. */
export type Cursor = readonly number[];

export interface SourceFile {
  /** As the source calls it: the image's id, never a path or a key. */
  readonly name: string;
  /** By the source's own word; without it, by the folders in the name. */
  readonly class?: ClassOfImage | undefined;
  readonly content: Content;
  readonly next: Cursor;
  /** Of the source, up to here. */
  readonly readBytes: number;
}

/** A file's bytes, or why they are not to be had. */
export type Content = Uint8Array | Unusable;

export interface Unusable {
  readonly problem: string;
}

/** Some files are in memory at once; a photograph of 50 million pixels has less. */
export const maxFileBytes = 32 * 1024 * 1024;

export const isUnusable = (content: Content): content is Unusable => 'problem' in content;

export const tooLarge = (size: number): Unusable => ({
  problem: `its ${size} bytes are more than ${maxFileBytes}`,
});

export async function contentOf(file: ArchiveFile): Promise<Content> {
  if (file.size > maxFileBytes) return tooLarge(file.size);
  const pieces: Uint8Array[] = [];
  for await (const piece of file.bytes()) pieces.push(piece);
  return Buffer.concat(pieces);
}
