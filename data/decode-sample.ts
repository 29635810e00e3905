/** A dataset's image, in whatever encoding it is kept, to what a base shard holds. */
import type { Encoding, Side } from '../contract/manifests.ts';
import { cifarImageSize, decodePlanes } from './cifar-records.ts';
import { decodeImage } from './decode.ts';
import { resizeImage } from './resize.ts';

/** uint8 [height, width, 3] */
export interface DecodedImage {
  readonly image: Uint8Array;
  readonly height: number;
  readonly width: number;
}

export async function decodeSample(
  encoding: Encoding,
  bytes: Uint8Array,
  imageSize: number,
  side: Side,
): Promise<DecodedImage> {
  switch (encoding) {
    case 'planes': {
      const image = await resizeImage(decodePlanes(bytes), cifarImageSize, imageSize);
      return { image, height: imageSize, width: imageSize };
    }
    case 'file':
      return decodeImage(bytes, imageSize, side);
  }
}
