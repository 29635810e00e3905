/**
 * Counter-based randomness: every value is a function of a seed and of what it is for, never of
 * what was drawn before it elsewhere. Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As
 * Easy as 1, 2, 3", SC 2011).
 */

/** What a stream is for; streams of different purposes share no values. Never renumber. */
export const purposes = {
  shardOrder: 1,
  recordOrder: 2,
  augmentation: 3,
  kills: 4,
  mixing: 5,
} as const;
export type Purpose = (typeof purposes)[keyof typeof purposes];

const rounds = 10;
const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** The four 32-bit words of block `counter` under `key`, all unsigned. */
export function philox(
  key: readonly [number, number],
  counter: readonly [number, number, number, number],
): [number, number, number, number] {
  let [key0, key1] = key;
  let [x0, x1, x2, x3] = counter;
  for (let round = 0; round < rounds; round += 1) {
    const high0 = multiplyHigh(multiplier0, x0);
    const low0 = Math.imul(multiplier0, x0);
    const high1 = multiplyHigh(multiplier1, x2);
    const low1 = Math.imul(multiplier1, x2);
    x0 = high1 ^ x1 ^ key0;
    x2 = high0 ^ x3 ^ key1;
    x1 = low1;
    x3 = low0;
    key0 = (key0 + weyl0) | 0;
    key1 = (key1 + weyl1) | 0;
  }
  return [x0 >>> 0, x1 >>> 0, x2 >>> 0, x3 >>> 0];
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0;
}

/** Values in a fixed order, drawn one after the other. */
export interface RandomStream {
  /** An integer in [0, 2^32). */
  uint32(): number;
  /** A number in [0, 1), a multiple of 2^-32. */
  uniform(): number;
  /** A number in [low, high). */
  between(low: number, high: number): number;
  /** An integer in [0, bound), each equally likely; `bound` is in [1, 2^32]. */
  below(bound: number): number;
}

/** The stream of one purpose at one place: `place` is up to three unsigned 32-bit numbers. */
export function randomStream(
  seed: number,
  purpose: Purpose,
  place: readonly [number?, number?, number?] = [],
): RandomStream {
  const [a = 0, b = 0, c = 0] = place;
  const key = [seed, purpose] as const;
  let block: readonly number[] = [];
  let drawn = 0;
  const uint32 = (): number => {
    if (drawn % 4 === 0) block = philox(key, [drawn / 4, a, b, c]);
    return block[drawn++ % 4]!;
  };
  const uniform = (): number => uint32() / 2 ** 32;
  return {
    uint32,
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    below(bound) {
      // The largest multiple of `bound`: above it, some remainders would come more often.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      let value = uint32();
      while (value >= limit) value = uint32();
      return value % bound;
    },
  };
}

/** The numbers 0 to `count` - 1, each order equally likely (Fisher-Yates). */
export function permutation(count: number, stream: RandomStream): Uint32Array {
  const values = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) {
    const other = stream.below(index + 1);
    values[index] = values[other]!;
    values[other] = index;
  }
  return values;
}
