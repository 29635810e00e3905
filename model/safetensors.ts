/**
 * Weights as they are stored: named float32 arrays in one file of the layout safetensors, which
 * any framework reads. Eight bytes (the header's length), a JSON header, the values.
 * Source: https://github.com/huggingface/safetensors
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Asked for when its turn comes: one at a time is in memory. */
  readonly values: () => Float32Array;
}

interface Entry {
  readonly dtype: 'F32';
  readonly shape: readonly number[];
  /** First byte, and the one after the last, counted from the header's end. */
  readonly data_offsets: readonly [number, number];
}

const lengthBytes = 8;

export function writeTensors(path: string, tensors: readonly NamedTensor[]): void {
  const header: Record<string, Entry> = {};
  let end = 0;
  for (const { name, shape } of tensors) {
    const begin = end;
    end += shape.reduce((product, size) => product * size, Float32Array.BYTES_PER_ELEMENT);
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, end] };
  }
  const text = JSON.stringify(header);
  // The values begin at a multiple of eight.
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(lengthBytes);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(path, 'w');
  try {
    writeSync(file, length);
    writeSync(file, padded);
    for (const { values } of tensors) {
      const { buffer, byteOffset, byteLength } = values();
      writeSync(file, new Uint8Array(buffer, byteOffset, byteLength));
    }
  } finally {
    closeSync(file);
  }
}

/** What `writeTensors` wrote: views of one buffer, by name. */
export function readTensors(path: string): Map<string, Float32Array> {
  const { buffer, byteOffset } = readFileSync(path);
  const headerLength = Number(new DataView(buffer, byteOffset).getBigUint64(0, true));
  const start = byteOffset + lengthBytes + headerLength;
  const text = Buffer.from(buffer, byteOffset + lengthBytes, headerLength).toString();
  const header = JSON.parse(text) as Record<string, Entry>;
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          data_offsets: [begin, end],
        },
      ]) => [
        name,
        new Float32Array(buffer, start + begin, (end - begin) / Float32Array.BYTES_PER_ELEMENT),
      ],
    ),
  );
}
