/** What a file of a source turns out to be: an image, one that can't be used, or nothing of ours. */
import type { FileFormat } from '../data/file-format.ts';
import { fileFormat } from '../data/file-format.ts';
import { BrokenImage, examineImage } from '../data/decode.ts';
import { sha256 } from '../data/digest.ts';
import { differenceHash } from '../data/perceptual-hash.ts';
import { isUnusable } from './image-sources/source.ts';
import type { SourceFile } from './image-sources/source.ts';

export type ExaminedFile = { readonly file: SourceFile } & (
  | {
      readonly kind: 'image';
      readonly bytes: Uint8Array;
      readonly format: FileFormat;
      readonly sha256: string;
      readonly phash: string;
    }
  | { readonly kind: 'broken'; readonly reason: string }
  /** Beside the images: a licence, a list. */
  | { readonly kind: 'other' }
);

/** What is no image by its bytes may still be meant as one. */
const imageSuffix = /\.(avif|bmp|gif|heic|jfif|jpe|jpe?g|png|tiff?|webp)$/i;

/** Every byte of an image is decoded: what passes here is read without fault later. */
export async function examineFile(file: SourceFile): Promise<ExaminedFile> {
  const { name, content } = file;
  const isMeant = file.class !== undefined || imageSuffix.test(name);
  if (isUnusable(content)) {
    return isMeant ? { file, kind: 'broken', reason: content.problem } : { file, kind: 'other' };
  }
  if (!isMeant && !fileFormat(content)) return { file, kind: 'other' };
  try {
    const { format, thumbnail } = await examineImage(content);
    const phash = differenceHash(thumbnail);
    return { file, kind: 'image', bytes: content, format, sha256: sha256(content), phash };
  } catch (error) {
    if (!(error instanceof BrokenImage)) throw error;
    return { file, kind: 'broken', reason: error.reason };
  }
}
