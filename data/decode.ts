/**
 * Image files to base images: uint8 RGB, upright, of the size that training or evaluation reads.
 * Whatever the file is called, its first bytes say what it is. Decoded and resized by libvips.
 */
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { NightshiftError } from '../contract/failures.ts';
import type { Side } from '../contract/manifests.ts';
import { fileFormat } from './file-format.ts';
import type { FileFormat } from './file-format.ts';
import type { PixelImage } from './pixels.ts';

/** What a file turns out to be, every byte of it decoded. */
export interface ExaminedImage {
  readonly format: FileFormat;
  /** As it is seen, upright. */
  readonly height: number;
  readonly width: number;
  /** What it looks like: grey levels, [32, 32]. */
  readonly thumbnail: Uint8Array;
}

/** A file that gives no image; `reason` says why, in a few words and without its name. */
export class BrokenImage extends NightshiftError {
  readonly reason: string;
  constructor(reason: string, cause?: unknown) {
    super('InvalidData', `the image can't be used: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** Goes up whenever a file would come out otherwise by what this file says. */
const version = 1;
/** The pixels follow from these too: part of the identity of what is made of image files. */
export const decoder = `decode/${version}, sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;

/** What can't be decoded in rows takes some 4 bytes of memory a pixel. */
const maxPixels = 50_000_000;
const maxSidePixels = 30_000;
const thumbnailSize = 32;

// No image comes twice: the cache would hold memory only.
sharp.cache(false);

/**
 * A file's image with its shorter side a little above `imageSize`: of training whole, for
 * augmentation to crop from (what is longer than 2:1 loses its ends), else the middle
 * [imageSize, imageSize]. An image that has this size stays as it is. Throws `BrokenImage`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  imageSize: number,
  side: Side,
): Promise<PixelImage> {
  const { height, width } = await readHeader(bytes);
  const asItIs = height === imageSize && width === imageSize;
  const short = asItIs ? imageSize : shorterSide(imageSize);
  const scaled = (length: number): number =>
    Math.min(2 * short, Math.round((short * length) / Math.min(height, width)));
  const train = side === 'train';
  const resized = open(bytes).resize(train ? scaled(width) : short, train ? scaled(height) : short);
  const edge = Math.floor((short - imageSize) / 2);
  const middle = { left: edge, top: edge, width: imageSize, height: imageSize };
  return pixelsOf(train ? resized : resized.extract(middle));
}

/** The shorter side that images are resized to: 256 for 224, as is the custom. */
export const shorterSide = (imageSize: number): number => Math.round((imageSize * 8) / 7);

/** Decodes every byte of a file, in little memory. Throws `BrokenImage`. */
export async function examineImage(bytes: Uint8Array): Promise<ExaminedImage> {
  const header = await readHeader(bytes);
  const small = open(bytes).resize(thumbnailSize, thumbnailSize, { fit: 'fill' }).greyscale();
  return { ...header, thumbnail: await decoded(small.raw().toBuffer()) };
}

/** Height and width are those of the upright image. */
async function readHeader(bytes: Uint8Array): Promise<Omit<ExaminedImage, 'thumbnail'>> {
  if (bytes.length === 0) throw new BrokenImage('the file is empty');
  const format = fileFormat(bytes);
  if (!format) throw new BrokenImage('it is no JPEG, PNG, WebP, GIF or TIFF file');
  const { autoOrient } = await decoded(open(bytes).metadata());
  const { height, width } = autoOrient;
  if (height > maxSidePixels || width > maxSidePixels || height * width > maxPixels) {
    throw new BrokenImage(
      `${width} x ${height} pixels are more than ${maxSidePixels} a side or ${maxPixels} in all`,
    );
  }
  return { format, height, width };
}

/** Upright; what is transparent lies on white. Of what moves or has pages, the first. */
function open(bytes: Uint8Array): Sharp {
  return sharp(bytes, { autoOrient: true, failOn: 'error', limitInputPixels: false }).flatten({
    background: 'white',
  });
}

async function pixelsOf(pipeline: Sharp): Promise<PixelImage> {
  const { data, info } = await decoded(
    pipeline.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true }),
  );
  return { image: data, height: info.height, width: info.width };
}

/** libvips' words for what is wrong, on one line. */
async function decoded<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const problem = (error as Error).message.trim().replaceAll(/\s*\n\s*/g, '; ');
    throw new BrokenImage(problem, error);
  }
}
