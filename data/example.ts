/**
 * `tf.train.Example`: a map from feature names to lists, on the wire of protocol buffers.
 * Source: tensorflow/core/example/example.proto and feature.proto.
 */
import protobuf from 'protobufjs/minimal.js';
import type { Reader, Writer } from 'protobufjs';

/** One image: uint8 [height, width, 3]. */
export interface ShardSample {
  readonly id: string;
  readonly label: number;
  readonly image: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** Tags: a field's number, and 2 for a field with a length of its own. */
const lengthDelimited = (field: number): number => (field << 3) | 2;
const example = { features: lengthDelimited(1) };
const features = { entry: lengthDelimited(1) };
const entry = { key: lengthDelimited(1), feature: lengthDelimited(2) };
const feature = { bytesList: lengthDelimited(1), int64List: lengthDelimited(3) };
/** Some writers do not pack numbers: each has a tag of its own then. */
const list = { value: lengthDelimited(1), number: 1 << 3 };

/** The first value of each feature, by name. */
export interface Features {
  readonly numbers: ReadonlyMap<string, number>;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export function encodeExample(sample: ShardSample): Uint8Array {
  return encodeFeatures({
    'image/class/label': sample.label,
    'image/encoded': sample.image,
    'image/format': Buffer.from('raw'),
    'image/height': sample.height,
    'image/id': Buffer.from(sample.id),
    'image/width': sample.width,
  });
}

/** Features stand in the order of their names: equal ones are equal bytes. */
export function encodeFeatures(values: Readonly<Record<string, number | Uint8Array>>): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(example.features).fork();
  for (const name of Object.keys(values).toSorted()) writeFeature(writer, name, values[name]!);
  return writer.ldelim().finish();
}

function writeFeature(writer: Writer, name: string, value: number | Uint8Array): void {
  writer.uint32(features.entry).fork();
  writer.uint32(entry.key).string(name);
  writer.uint32(entry.feature).fork();
  if (typeof value === 'number') {
    writer.uint32(feature.int64List).fork();
    writer.uint32(list.value).fork().int64(value).ldelim();
  } else {
    writer.uint32(feature.bytesList).fork();
    writer.uint32(list.value).bytes(value);
  }
  writer.ldelim().ldelim().ldelim();
}

/** What `encodeExample` wrote; the image is a view of `bytes`. Throws on a missing feature. */
export function decodeExample(bytes: Uint8Array): ShardSample {
  const { numbers, blobs } = decodeFeatures(bytes);
  return {
    id: Buffer.from(needed(blobs, 'image/id')).toString(),
    label: needed(numbers, 'image/class/label'),
    image: needed(blobs, 'image/encoded'),
    height: needed(numbers, 'image/height'),
    width: needed(numbers, 'image/width'),
  };
}

/** The features of an example that any tool wrote; blobs are views of `bytes`. */
export function decodeFeatures(bytes: Uint8Array): Features {
  const found: Found = { numbers: new Map(), blobs: new Map() };
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    if (enters(reader, example.features)) readFeatures(reader, found);
  }
  return found;
}

interface Found {
  readonly numbers: Map<string, number>;
  readonly blobs: Map<string, Uint8Array>;
}

function readFeatures(reader: Reader, found: Found): void {
  const end = endOfMessage(reader);
  while (reader.pos < end) {
    if (enters(reader, features.entry)) readEntry(reader, found);
  }
}

function readEntry(reader: Reader, found: Found): void {
  const end = endOfMessage(reader);
  let name = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === entry.key) name = reader.string();
    else if (tag === entry.feature) readFeature(reader, name, found);
    else reader.skipType(tag & 7);
  }
}

function readFeature(reader: Reader, name: string, { numbers, blobs }: Found): void {
  const end = endOfMessage(reader);
  while (reader.pos < end) {
    const tag = reader.uint32();
    const endOfList = endOfMessage(reader);
    const valueTag = reader.pos < endOfList ? reader.uint32() : undefined;
    if (valueTag === list.value) {
      if (tag === feature.bytesList) blobs.set(name, reader.bytes());
      // Packed: a length, then the numbers.
      else if (tag === feature.int64List && reader.uint32() > 0) numbers.set(name, reader.int32());
    } else if (valueTag === list.number && tag === feature.int64List) {
      numbers.set(name, reader.int32());
    }
    reader.pos = endOfList;
  }
}

/** Reads a tag: true when it is `wanted`, else its value is passed over. */
function enters(reader: Reader, wanted: number): boolean {
  const tag = reader.uint32();
  if (tag !== wanted) reader.skipType(tag & 7);
  return tag === wanted;
}

function endOfMessage(reader: Reader): number {
  const length = reader.uint32();
  return reader.pos + length;
}

function needed<T>(values: ReadonlyMap<string, T>, name: string): T {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the example has no '${name}'`);
  return value;
}
