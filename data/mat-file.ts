/**
 * Reads an array of structures from a MAT-file of version 5, as MATLAB and SciPy save it.
 * Source: "MAT-File Format", MathWorks, chapter 1.
 */
import { inflateSync } from 'node:zlib';
import { invalid } from './archive.ts';

export type MatRow = ReadonlyMap<string, string | number | undefined>;

const fileHeaderBytes = 128;
const types = { compressed: 15, matrix: 14 };
const classes = { struct: 2, char: 4 };

/** One data element, its bytes still as they are stored. */
interface Element {
  readonly type: number;
  readonly data: Buffer;
}

/**
 * The structures of variable `name`, in order: of each field its text, or its first number.
 * Throws `InvalidData`, which says of `what` what is wrong with it.
 */
export function readMatStructs(bytes: Uint8Array, name: string, what: string): MatRow[] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (file.toString('latin1', 126, 128) !== 'IM') {
    throw invalid(what, 'is no MAT-file of version 5, little-endian');
  }
  try {
    for (const element of elementsOf(file.subarray(fileHeaderBytes))) {
      const [variable] =
        element.type === types.compressed ? [...elementsOf(inflateSync(element.data))] : [element];
      const [flags, dimensions, title, ...values] = [...elementsOf(variable!.data)];
      if (variable!.type !== types.matrix || title!.data.toString('latin1') !== name) continue;
      if (flags!.data[0] !== classes.struct) throw new Error(`'${name}' is no structure`);
      return structsOf(numbersOf(dimensions!), values);
    }
    throw new Error(`there is no variable '${name}'`);
  } catch (error) {
    throw invalid(what, `can't be read as a MAT-file: ${(error as Error).message}`, error);
  }
}

function structsOf(dimensions: readonly number[], values: readonly Element[]): MatRow[] {
  const [nameLength, names, ...cells] = values;
  const length = numbersOf(nameLength!)[0]!;
  const fields = Array.from({ length: names!.data.length / length }, (_, field) =>
    names!.data.toString('latin1', field * length, (field + 1) * length).replace(/\0.*$/s, ''),
  );
  const count = dimensions.reduce((product, size) => product * size, 1);
  return Array.from(
    { length: count },
    (_, row) =>
      new Map(
        fields.map((field, column) => [field, valueOf(cells[row * fields.length + column]!)]),
      ),
  );
}

/** Of a matrix its text, or its first number; undefined where it is empty, or holds something else. */
function valueOf({ data }: Element): string | number | undefined {
  const [flags, , , value] = [...elementsOf(data)];
  if (!value) return undefined;
  if (flags?.data[0] !== classes.char) return numbersOf(value)[0];
  return value.type === 4 ? value.data.toString('utf16le') : value.data.toString('utf8');
}

/** Elements begin at whole eights; small ones have their length in the tag's upper half. */
function* elementsOf(bytes: Buffer): Generator<Element> {
  for (let at = 0; at + 8 <= bytes.length;) {
    const tag = bytes.readUInt32LE(at);
    const small = tag >>> 16;
    const length = small || bytes.readUInt32LE(at + 4);
    const start = at + (small ? 4 : 8);
    const type = tag & 0xffff;
    if (start + length > bytes.length) throw new Error(`it ends within an element`);
    yield { type, data: bytes.subarray(start, start + length) };
    const padded = type === types.compressed ? length : Math.ceil(length / 8) * 8;
    at = small ? at + 8 : start + padded;
  }
}

/** By the element's type: bytes, integers, and floats of four and eight bytes. */
const readers: Readonly<Record<number, readonly [number, (data: Buffer, at: number) => number]>> = {
  1: [1, (data, at) => data.readInt8(at)],
  2: [1, (data, at) => data.readUInt8(at)],
  3: [2, (data, at) => data.readInt16LE(at)],
  4: [2, (data, at) => data.readUInt16LE(at)],
  5: [4, (data, at) => data.readInt32LE(at)],
  6: [4, (data, at) => data.readUInt32LE(at)],
  7: [4, (data, at) => data.readFloatLE(at)],
  9: [8, (data, at) => data.readDoubleLE(at)],
};

function numbersOf({ type, data }: Element): number[] {
  const [size, read] = readers[type] ?? [0, undefined];
  if (!read) return [];
  return Array.from({ length: data.length / size }, (_, index) => read(data, index * size));
}
