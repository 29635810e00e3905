/** PIL's operations on an image's levels, and its sharpness: integers, in place. */

/** Keeps the highest `bits` bits of each level. */
export function posterize(image: Uint8Array, bits: number): void {
  const mask = 0x100 - (1 << (8 - bits));
  for (let at = 0; at < image.length; at += 1) image[at] = image[at]! & mask;
}

/** Inverts the levels from `threshold` on. */
export function solarize(image: Uint8Array, threshold: number): void {
  for (let at = 0; at < image.length; at += 1) {
    const level = image[at]!;
    if (level >= threshold) image[at] = 255 - level;
  }
}

/** Spreads each channel over all levels. */
export function autoContrast(image: Uint8Array): void {
  mapChannels(image, (histogram) => {
    const lowest = histogram.findIndex((count) => count > 0);
    const highest = histogram.findLastIndex((count) => count > 0);
    const reach = highest - lowest;
    if (reach === 0) return undefined;
    return (level) => Math.floor(((level - lowest) * 255) / reach);
  });
}

/** Makes each channel's levels equally frequent, as far as it goes. */
export function equalize(image: Uint8Array): void {
  mapChannels(image, (histogram) => {
    const last = histogram.findLast((count) => count > 0)!;
    const step = Math.floor((image.length / 3 - last) / 255);
    if (step === 0) return undefined;
    let below = step >> 1;
    const levels = histogram.map((count) => {
      const level = Math.floor(below / step);
      below += count;
      return Math.min(255, level);
    });
    return (level) => levels[level]!;
  });
}

/** Maps each channel's levels by a rule made from how often each comes; undefined: the channel stays. */
function mapChannels(
  image: Uint8Array,
  rule: (histogram: Int32Array) => ((level: number) => number) | undefined,
): void {
  for (let channel = 0; channel < 3; channel += 1) {
    const histogram = new Int32Array(256);
    for (let at = channel; at < image.length; at += 3) histogram[image[at]!]! += 1;
    const map = rule(histogram);
    if (!map) continue;
    const table = Uint8ClampedArray.from({ length: 256 }, (_, level) => map(level));
    for (let at = channel; at < image.length; at += 3) image[at] = table[image[at]!]!;
  }
}

/** What stands out of a pixel's neighbourhood is scaled by `factor`; the outermost pixels stay. */
export function sharpen(image: Uint8Array, size: number, factor: number): void {
  const before = image.slice();
  const weight = Math.round(factor * 65536);
  const stride = size * 3;
  for (let row = 1; row < size - 1; row += 1) {
    const end = (row + 1) * stride - 3;
    for (let at = row * stride + 3; at < end; at += 1) {
      const level = before[at]!;
      let sum = 4 * level;
      for (let line = at - stride; line <= at + stride; line += stride) {
        sum += before[line - 3]! + before[line]! + before[line + 3]!;
      }
      const smooth = Math.floor((sum + 6) / 13);
      const sharp = smooth + ((weight * (level - smooth) + 32768) >> 16);
      image[at] = Math.min(255, Math.max(0, sharp));
    }
  }
}
