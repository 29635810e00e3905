/**
 * Many samples in little memory: columns instead of objects, some 100 bytes a sample, so that the
 * 1.3 million of ImageNet fit beside all else that a worker holds.
 */
import { sides } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import { sequence, sortBy16Bits } from './counting-sort.ts';
import type { Sample } from './sample-list.ts';

export interface SampleTable {
  readonly count: number;
  readonly add: (sample: Sample) => void;
  /** A row as it was added, but for what a list of a side has no use for. */
  readonly read: (row: number) => Sample;
  readonly id: (row: number) => string;
  readonly label: (row: number) => number;
  /** The source's own. */
  readonly side: (row: number) => Side | undefined;
  /** SHA-256 of the row's content. */
  readonly content: (row: number) => string;
  /** That hash as a number in [0, 1). */
  readonly place: (row: number) => number;
  readonly isSameContent: (a: number, b: number) => boolean;
  /** The rows in the order of their contents, equal ones in that of their ids. */
  readonly byContent: () => Uint32Array<ArrayBuffer>;
  readonly hasPhash: (row: number) => boolean;
  /** The upper and the lower 32 bits of the row's `phash`. */
  readonly phashUpper: (row: number) => number;
  readonly phashLower: (row: number) => number;
}

const contentBytes = 32;
const noSide = sides.length;

/** For up to `capacity` samples. */
export function createSampleTable(capacity: number): SampleTable {
  const files: string[] = [];
  const fileNumbers = new Map<string, number>();
  const file = new Uint32Array(capacity);
  const offset = new Float64Array(capacity);
  const length = new Uint32Array(capacity);
  const label = new Uint32Array(capacity);
  const side = new Uint8Array(capacity);
  const contents = Buffer.alloc(capacity * contentBytes);
  const phashed = new Uint8Array(capacity);
  const upper = new Uint32Array(capacity);
  const lower = new Uint32Array(capacity);
  let ids = Buffer.alloc(64 * capacity); // what is not written takes no memory;
  const idEnd = new Uint32Array(capacity + 1); // the id of row n begins where the one before ends
  let count = 0;

  const contentAt = (row: number): Buffer =>
    contents.subarray(row * contentBytes, (row + 1) * contentBytes);
  /** The first 52 bits of a content: they tell nearly all of them apart. */
  const startOf = (row: number): number =>
    contents.readUIntBE(row * contentBytes, 6) * 16 + (contents[row * contentBytes + 6]! >> 4);
  const idAt = (row: number): Buffer => ids.subarray(idEnd[row], idEnd[row + 1]);

  const compare = (a: number, b: number): number =>
    Buffer.compare(contentAt(a), contentAt(b)) || Buffer.compare(idAt(a), idAt(b));

  function fileNumber(name: string): number {
    let number = fileNumbers.get(name);
    if (number === undefined) {
      number = files.push(name) - 1;
      fileNumbers.set(name, number);
    }
    return number;
  }

  function addId(id: string): void {
    const start = idEnd[count]!;
    const most = 3 * id.length; // of UTF-8
    if (start + most > ids.length) {
      ids = Buffer.concat([ids], 2 * ids.length + most);
    }
    idEnd[count + 1] = start + ids.write(id, start);
  }

  return {
    get count() {
      return count;
    },
    add(sample) {
      file[count] = fileNumber(sample.file);
      offset[count] = sample.offset;
      length[count] = sample.length;
      label[count] = sample.label;
      side[count] = sample.side === undefined ? noSide : sides.indexOf(sample.side);
      contents.write(sample.sha256, count * contentBytes, 'hex');
      if (sample.phash !== undefined) {
        phashed[count] = 1;
        upper[count] = Number.parseInt(sample.phash.slice(0, 8), 16);
        lower[count] = Number.parseInt(sample.phash.slice(8), 16);
      }
      addId(sample.id);
      count += 1;
    },
    read: (row) => ({
      id: idAt(row).toString(),
      file: files[file[row]!]!,
      offset: offset[row]!,
      length: length[row]!,
      label: label[row]!,
      sha256: contentAt(row).toString('hex'),
    }),
    id: (row) => idAt(row).toString(),
    label: (row) => label[row]!,
    side: (row) => sides[side[row]!],
    content: (row) => contentAt(row).toString('hex'),
    place: (row) => startOf(row) / 2 ** 52,
    isSameContent: (a, b) => startOf(a) === startOf(b) && contentAt(a).equals(contentAt(b)),
    byContent() {
      const bits = (row: number, byte: number): number =>
        contents.readUInt16BE(row * contentBytes + byte);
      const lowerBits = sortBy16Bits(sequence(count), (row) => bits(row, 2));
      const rows = sortBy16Bits(lowerBits, (row) => bits(row, 0));
      const start = (at: number): number => contents.readUInt32BE(rows[at]! * contentBytes);
      for (let first = 0, next = 0; first < count; first = next) {
        while (next < count && start(next) === start(first)) next += 1;
        if (next - first > 1) rows.subarray(first, next).sort(compare);
      }
      return rows;
    },
    hasPhash: (row) => phashed[row] === 1,
    phashUpper: (row) => upper[row]!,
    phashLower: (row) => lower[row]!,
  };
}
