/**
 * TensorFlow's bundles of variables, read without TensorFlow. `<prefix>.index` is a table as
 * LevelDB has it: it says where in `<prefix>.data-?????-of-?????` each variable lies.
 * Source: tensorflow/core/protobuf/tensor_bundle.proto, tensorflow/core/lib/io/format.h.
 */
import { crc32c } from '@node-rs/crc32';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import protobuf from 'protobufjs/minimal.js';
import type { Reader } from 'protobufjs';
import { NightshiftError } from '../contract/failures.ts';
import type { NamedTensor } from './safetensors.ts';

/** `DataType` of TensorFlow's types.proto. */
const dataTypes = { float32: 1, string: 7 };

/** Where version 2 keeps the names of its variables. */
const objectGraphKey = '_CHECKPOINTABLE_OBJECT_GRAPH';

/** The bundle's float32 variables, by name. Throws `InvalidData`, naming the file below the prefix's folder. */
export function readBundle(prefix: string): Map<string, NamedTensor> {
  const entries = new Map<string, Entry>();
  let shards = 1;
  for (const [key, value] of entriesOfTable(readFileSync(`${prefix}.index`))) {
    if (key === '') shards = shardsOf(value);
    else entries.set(key, decodeEntry(value));
  }
  const read = (key: string): Buffer => readEntry(prefix, shards, key, entries.get(key)!);
  const graph = entries.get(objectGraphKey);
  const names = graph ? namesOf(read(objectGraphKey)) : new Map<string, string>();
  const tensors = new Map<string, NamedTensor>();
  for (const [key, { dtype, shape }] of entries) {
    if (dtype !== dataTypes.float32) continue;
    const name = names.get(key) ?? key;
    const values = (): Float32Array => {
      const { buffer, byteOffset, byteLength } = read(key);
      return new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
    };
    tensors.set(name, { name, shape, values });
  }
  return tensors;
}

/** BundleEntryProto */
interface Entry {
  dtype: number;
  shape: number[];
  shard: number;
  offset: number;
  size: number;
  checksum: number;
}

function decodeEntry(bytes: Uint8Array): Entry {
  const entry: Entry = { dtype: 0, shape: [], shard: 0, offset: 0, size: 0, checksum: 0 };
  for (const { field, number, bytes: inner } of fieldsOf(bytes)) {
    if (field === 1) entry.dtype = number;
    else if (field === 2) entry.shape = decodeShape(inner);
    else if (field === 3) entry.shard = number;
    else if (field === 4) entry.offset = number;
    else if (field === 5) entry.size = number;
    else if (field === 6) entry.checksum = number;
  }
  return entry;
}

function decodeShape(bytes: Uint8Array): number[] {
  const dimensions = [...fieldsOf(bytes)];
  return dimensions.map(({ bytes: size }) => [...fieldsOf(size)][0]?.number ?? 0);
}

const shardsOf = (header: Uint8Array): number =>
  [...fieldsOf(header)].find(({ field }) => field === 1)?.number ?? 1;

/** A variable's bytes, in a buffer of their own. */
function readEntry(prefix: string, shards: number, key: string, entry: Entry): Buffer {
  const five = (value: number): string => String(value).padStart(5, '0');
  const name = `.data-${five(entry.shard)}-of-${five(shards)}`;
  if (!existsSync(`${prefix}${name}`)) throw invalid(`variables${name} is missing`);
  const file = openSync(`${prefix}${name}`, 'r');
  try {
    const end = entry.offset + entry.size;
    const { size } = fstatSync(file);
    if (size < end) {
      throw invalid(
        `variables${name} is cut short: ${key} ends at byte ${end}, the file at ${size}`,
      );
    }
    const bytes = Buffer.alloc(entry.size);
    readSync(file, bytes, 0, entry.size, entry.offset);
    // A string's checksum is of other bytes than those stored.
    if (entry.dtype === dataTypes.float32 && masked(bytes) !== entry.checksum) {
      throw invalid(`variables${name} is damaged: the checksum of ${key} does not match`);
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** From the keys of a TrackableObjectGraph, a tensor of one string, to the variables' names. */
function namesOf(tensor: Buffer): Map<string, string> {
  const names = new Map<string, string>();
  const head = protobuf.Reader.create(tensor);
  const length = head.uint32();
  const start = head.pos + 4; // a checksum of the length
  for (const { bytes: node } of fieldsOf(tensor.subarray(start, start + length))) {
    for (const { field, bytes: attribute } of fieldsOf(node)) {
      if (field !== 2) continue;
      const texts = new Map(
        [...fieldsOf(attribute)].map((part) => [part.field, Buffer.from(part.bytes).toString()]),
      );
      const [fullName, key] = [texts.get(2), texts.get(3)];
      if (fullName && key) names.set(key, fullName);
    }
  }
  return names;
}

/** A field of a message: a number, or what has a length of its own. */
interface Field {
  readonly field: number;
  readonly number: number;
  readonly bytes: Uint8Array;
}

function* fieldsOf(message: Uint8Array): Generator<Field> {
  const reader = protobuf.Reader.create(message);
  const nothing = new Uint8Array();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const [field, wire] = [tag >>> 3, tag & 7];
    if (wire === 0) yield { field, number: reader.uint32(), bytes: nothing };
    else if (wire === 2) yield { field, number: 0, bytes: reader.bytes() };
    else if (wire === 5) yield { field, number: reader.fixed32(), bytes: nothing };
    else reader.skipType(wire);
  }
}

const footerBytes = 48;
/** The last eight of them. */
const magic = 0xdb4775248b80fb57n;

/** Keys and values of a table, in the keys' order. */
function* entriesOfTable(table: Buffer): Generator<[string, Uint8Array]> {
  if (table.length < footerBytes || table.readBigUInt64LE(table.length - 8) !== magic) {
    throw invalid("variables.index is no TensorFlow bundle's index, or is cut short");
  }
  const footer = protobuf.Reader.create(table.subarray(-footerBytes));
  handleOf(footer); // of the meta index
  for (const [, handle] of entriesOfBlock(table, handleOf(footer))) {
    yield* entriesOfBlock(table, handleOf(protobuf.Reader.create(handle)));
  }
}

interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

const handleOf = (reader: Reader): BlockHandle => ({
  offset: reader.uint32(),
  size: reader.uint32(),
});

/** Each key says how much of the one before it shares. */
function* entriesOfBlock(
  table: Buffer,
  { offset, size }: BlockHandle,
): Generator<[string, Uint8Array]> {
  const [compression, checksum] = [table[offset + size], offset + size + 1];
  const damaged = table.length < checksum + 4 || compression !== 0;
  if (damaged || masked(table.subarray(offset, checksum)) !== table.readUInt32LE(checksum)) {
    throw invalid('variables.index is damaged, or compressed');
  }
  const block = table.subarray(offset, offset + size);
  const restarts = block.readUInt32LE(size - 4);
  const reader = protobuf.Reader.create(block.subarray(0, size - 4 * (restarts + 1)));
  let key = '';
  while (reader.pos < reader.len) {
    const [shared, own, length] = [reader.uint32(), reader.uint32(), reader.uint32()];
    const keyEnd = reader.pos + own;
    key = key.slice(0, shared) + block.toString('latin1', reader.pos, keyEnd);
    yield [key, block.subarray(keyEnd, keyEnd + length)];
    reader.pos = keyEnd + length;
  }
}

/** CRC32C, rotated and shifted, as TensorFlow stores it. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const invalid = (problem: string): NightshiftError =>
  new NightshiftError('InvalidData', `${problem}: take it anew from where it was written`);
