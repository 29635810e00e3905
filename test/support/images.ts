/** Image files made for tests, whole and broken. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { madeImage } from '../data/support.ts';

/** 350 real photographs in five class folders, beside the checkout of those who have them. */
const photos = fileURLToPath(
  new URL('../../../shared/data/photos-small/flower_photos_small.tar.gz', import.meta.url),
);
export const realPhotos = existsSync(photos) ? photos : undefined;

/** Another image for each `number`. */
export const imageOf = (number: number, size = 40): Sharp =>
  sharp(madeImage(number, size), { raw: { width: size, height: size, channels: 3 } });

export const jpegOf = (number: number, size?: number): Promise<Buffer> =>
  imageOf(number, size).jpeg().toBuffer();

/** Images of so many classes, so many of each, by the name that each has in a dataset. */
export async function madePhotos(
  classes: readonly string[],
  each: number,
): Promise<Map<string, Buffer>> {
  const photos = new Map<string, Buffer>();
  for (const name of classes) {
    for (let index = 0; index < each; index += 1) {
      photos.set(`pets/${name}/${index}.jpg`, await jpegOf(photos.size));
    }
  }
  return photos;
}
