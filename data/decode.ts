/**
 * Image files to base images: uint8 RGB, upright, of the size that training or evaluation reads.
 * Whatever the file is called, its first bytes say what it is. Decoded and resized by libvips.
 */
import sharp from 'sharp';
import type { Metadata, Sharp } from 'sharp';
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

const maxPixels = 100_000_000;
const maxSidePixels = 30_000;
/** Of an image that can't be decoded row by row, in memory. */
const maxWholeBytes = 200_000_000;
const thumbnailSize = 32;

// No image comes twice: the cache would hold memory only.
sharp.cache(false);

/**
 * To train on: the whole image for augmentation to crop from, its shorter side at most 8/7 of
 * `imageSize`; what is longer than 2:1 loses its ends. Else the middle, [imageSize, imageSize], of
 * the image with a shorter side of 8/7. An image that has the size stays as it is. Throws
 * `BrokenImage`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  imageSize: number,
  side: Side,
): Promise<PixelImage> {
  const header = await readHeader(bytes);
  const { height, width } = header;
  const opened = open(bytes, header);
  if (height === imageSize && width === imageSize) return pixelsOf(opened);
  const short = shorterSide(imageSize);
  if (side === 'train') {
    const own = Math.min(height, width);
    const kept = Math.min(short, own);
    const scaled = (length: number): number =>
      Math.min(2 * kept, Math.round((kept * length) / own));
    return pixelsOf(opened.resize(scaled(width), scaled(height)));
  }
  const edge = Math.floor((short - imageSize) / 2);
  const middle = { left: edge, top: edge, width: imageSize, height: imageSize };
  return pixelsOf(opened.resize(short, short).extract(middle));
}

/** What images are resized to, to be cropped to `imageSize`: 256 for 224, as is the custom. */
export const shorterSide = (imageSize: number): number => Math.round((imageSize * 8) / 7);

/** Decodes every byte of a file, in little memory. Throws `BrokenImage`. */
export async function examineImage(bytes: Uint8Array): Promise<ExaminedImage> {
  const header = await readHeader(bytes);
  const small = open(bytes, header).resize(thumbnailSize, thumbnailSize, { fit: 'fill' });
  const thumbnail = await decoded(small.greyscale().raw().toBuffer());
  const { format, height, width } = header;
  return { format, height, width, thumbnail };
}

interface Header extends Omit<ExaminedImage, 'thumbnail'> {
  /** Its colour profile is sRGB, by its name. */
  readonly srgb: boolean;
}

async function readHeader(bytes: Uint8Array): Promise<Header> {
  if (bytes.length === 0) throw new BrokenImage('the file is empty');
  const format = fileFormat(bytes);
  if (!format) throw new BrokenImage('it is no JPEG, PNG, WebP, GIF or TIFF file');
  const metadata = await decoded(sharp(bytes, limits).metadata());
  const { height, width } = metadata.autoOrient;
  if (height > maxSidePixels || width > maxSidePixels || height * width > maxPixels) {
    throw new BrokenImage(
      `${width} x ${height} pixels are more than ${maxSidePixels} a side or ${maxPixels} in all`,
    );
  }
  const bytesWhole = wholeBytes(format, metadata);
  if (bytesWhole > maxWholeBytes) {
    throw new BrokenImage(
      `${width} x ${height} pixels take ${bytesWhole} bytes, as it can't be decoded row by row; ${maxWholeBytes} are the most`,
    );
  }
  return { format, height, width, srgb: metadata.icc?.includes('sRGB') ?? false };
}

/** What must be in memory at once; 0 for what is decoded row by row. */
function wholeBytes(
  format: FileFormat,
  { width, height, channels, depth, isProgressive }: Metadata,
): number {
  const inRows = (format === 'jpeg' || format === 'png') && !isProgressive;
  // A progressive JPEG file's coefficients have 16 bits.
  const sampleBytes = format === 'jpeg' || depth === 'ushort' ? 2 : 1;
  return inRows ? 0 : width * height * channels * sampleBytes;
}

/** The header is looked at first, and has closer limits. */
const limits = { failOn: 'error', limitInputPixels: false } as const;

/**
 * Upright; what is transparent lies on white. Of what moves or has pages, the first. From sRGB to
 * sRGB nothing is converted: that would cost more than all the rest.
 */
function open(bytes: Uint8Array, { srgb }: Header): Sharp {
  const opened = sharp(bytes, { ...limits, autoOrient: true, ignoreIcc: srgb });
  return opened.flatten({ background: 'white' });
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
