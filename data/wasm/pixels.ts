/**
 * The loops over pixels, in AssemblyScript: four channels or four pixels at once (SIMD), whole
 * numbers only. `npm run build:pixels` makes pixels.wasm of it; ../pixels.ts calls it.
 *
 * An image is [height, width, 3] bytes. A framed part is [height + 2, width + 2] pixels of 4 bytes
 * (red, green, blue, 0), its outermost pixels black. Each has 16 bytes after it that may be read
 * and written.
 */

/** Adds up red, green and blue over `count` pixels: three int32 at `sums`, of at most 2^23 pixels. */
export function sumChannels(image: usize, count: i32, sums: usize): void {
  let total = i32x4.splat(0);
  let at = image;
  const whole = image + (count & ~3) * 3;
  for (; at < whole; at += 12) {
    total = i32x4.add(total, channelSums(v128.load(at)));
  }
  for (const end = image + count * 3; at < end; at += 3) {
    const pixel = v128.and(v128.load(at), i32x4(0x00ffffff, 0, 0, 0));
    total = i32x4.add(total, channelSums(pixel));
  }
  v128.store(sums, total);
}

/** Of the four pixels in the first 12 bytes. */
function channelSums(pixels: v128): v128 {
  const planes = i8x16.swizzle(pixels, i8x16(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(planes));
}

/**
 * Fills a framed part with the pixels of `image` from (left, top) on, mapped: `map` has 12 int32 in
 * 16.16 fixed point, a row (factors of red, green and blue, and the offset) a channel.
 */
export function recolour(
  image: usize,
  imageWidth: i32,
  left: i32,
  top: i32,
  width: i32,
  height: i32,
  map: usize,
  part: usize,
): void {
  const rr = v128.load32_splat(map);
  const rg = v128.load32_splat(map, 4);
  const rb = v128.load32_splat(map, 8);
  const r0 = v128.load32_splat(map, 12);
  const gr = v128.load32_splat(map, 16);
  const gg = v128.load32_splat(map, 20);
  const gb = v128.load32_splat(map, 24);
  const g0 = v128.load32_splat(map, 28);
  const br = v128.load32_splat(map, 32);
  const bg = v128.load32_splat(map, 36);
  const bb = v128.load32_splat(map, 40);
  const b0 = v128.load32_splat(map, 44);
  const stride = (width + 2) * 4;
  memory.fill(part, 0, stride);
  let to = part + stride;
  let from = image + (top * imageWidth + left) * 3;
  for (let row = 0; row < height; row += 1) {
    store<u32>(to, 0);
    for (let column = 0; column < width; column += 4) {
      const pixels = v128.load(from + column * 3);
      const red = i8x16.swizzle(
        pixels,
        i8x16(0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1),
      );
      const green = i8x16.swizzle(
        pixels,
        i8x16(1, -1, -1, -1, 4, -1, -1, -1, 7, -1, -1, -1, 10, -1, -1, -1),
      );
      const blue = i8x16.swizzle(
        pixels,
        i8x16(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1),
      );
      const bytes = i8x16.narrow_i16x8_u(
        i16x8.narrow_i32x4_s(
          mapped(red, green, blue, rr, rg, rb, r0),
          mapped(red, green, blue, gr, gg, gb, g0),
        ),
        i16x8.narrow_i32x4_s(mapped(red, green, blue, br, bg, bb, b0), i32x4.splat(0)),
      );
      // What lies beyond the row's end is written over: by the frame, or by the next row.
      v128.store(
        to + 4 + column * 4,
        i8x16.swizzle(bytes, i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
      );
    }
    store<u32>(to + stride - 4, 0);
    from += imageWidth * 3;
    to += stride;
  }
  memory.fill(to, 0, stride);
}

/** One channel of four pixels. */
function mapped(
  red: v128,
  green: v128,
  blue: v128,
  ofRed: v128,
  ofGreen: v128,
  ofBlue: v128,
  offset: v128,
): v128 {
  const sum = i32x4.add(
    i32x4.add(i32x4.mul(red, ofRed), i32x4.mul(green, ofGreen)),
    i32x4.add(i32x4.mul(blue, ofBlue), i32x4.add(offset, i32x4.splat(1 << 15))),
  );
  return i32x4.shr_s(sum, 16);
}

/**
 * Writes `view` [size, size, 3]: each pixel the bilinear mean of four of a framed part, by weights
 * of 8 bits an axis; black outside. `starts` has two int32 a row: where its first pixel lies in the
 * part, x and y in 16.16 fixed point; the next is one step on.
 */
export function resample(
  part: usize,
  width: i32,
  height: i32,
  starts: usize,
  xStep: i32,
  yStep: i32,
  size: i32,
  view: usize,
): void {
  const stride = (width + 2) * 4;
  // Each pixel's fourth byte is written too: by the next pixel it is written over.
  let to = view;
  for (let row = 0; row < size; row += 1) {
    let x = load<i32>(starts + row * 8);
    let y = load<i32>(starts + row * 8, 4);
    for (let column = 0; column < size; column += 1) {
      const left = x >> 16;
      const top = y >> 16;
      if (<u32>left <= <u32>width && <u32>top <= <u32>height) {
        const from = part + top * stride + left * 4;
        const right = (x >> 8) & 0xff;
        const down = (y >> 8) & 0xff;
        const across = i32x4.splat((right << 16) | (256 - right));
        const upper = i32x4.dot_i16x8_s(pairs(from), across);
        const lower = i32x4.dot_i16x8_s(pairs(from + stride), across);
        const sum = i32x4.add(
          i32x4.shl(upper, 8),
          i32x4.mul(i32x4.sub(lower, upper), i32x4.splat(down)),
        );
        const mean = i32x4.shr_u(i32x4.add(sum, i32x4.splat(1 << 15)), 16);
        const bytes = i8x16.swizzle(
          mean,
          i8x16(0, 4, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
        );
        v128.store32_lane(to, bytes, 0);
      } else {
        store<u32>(to, 0);
      }
      to += 3;
      x += xStep;
      y += yStep;
    }
  }
}

/** A pixel and the one right of it: their reds side by side as int16, then greens and blues. */
function pairs(from: usize): v128 {
  return i8x16.swizzle(
    v128.load64_zero(from),
    i8x16(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1),
  );
}
