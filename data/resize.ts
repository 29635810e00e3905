/** Resizes images to the network's input. */
import sharp from 'sharp';

/**
 * A square RGB image [from, from, 3] as [to, to, 3]: cubic interpolation up, Lanczos down
 * (libvips); the same bytes when the sizes are equal.
 */
export async function resizeImage(
  image: Uint8Array,
  from: number,
  to: number,
): Promise<Uint8Array> {
  if (from === to) return image;
  return sharp(image, { raw: { width: from, height: from, channels: 3 } })
    .resize(to, to, { kernel: to > from ? 'cubic' : 'lanczos3' })
    .raw()
    .toBuffer();
}
