/** SHA-256 of bytes, and of JSON values in one canonical form: what stages and lineages are named by. */
import { createHash } from 'node:crypto';

/** 64 lower-case hexadecimal digits. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Equal values have equal digests, in whatever order their keys were set. */
export function digestOf(value: unknown): string {
  return sha256(canonicalJson(value));
}

/**
 * JSON with sorted keys and no spaces. As in `JSON.stringify`, a key whose value is undefined is
 * left out and any other undefined is null. Throws on what JSON would lose: NaN, infinities,
 * functions, bigints, and objects with a class of their own.
 */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (value === null || typeof value === 'string' || typeof value === 'boolean') {
    return JSON.stringify(value);
  }
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && isPlain(value)) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
    return `{${entries.join(',')}}`;
  }
  throw new TypeError(`a digest is made of JSON values only, got ${describe(value)}`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  if (typeof value === 'number') return `${value}`;
  return typeof value === 'object' ? `a ${value?.constructor.name}` : `a ${typeof value}`;
}
