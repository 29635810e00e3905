/**
 * Reads a tar as it streams, and says where each file begins: reading can go on from there later.
 * Source: POSIX pax (ustar and its extended headers), and GNU tar's manual for long names.
 */
import { checkedName, invalid, isPassedOver } from './archive.ts';
import type { ArchiveFile } from './archive.ts';
import type { ByteReader } from './byte-reader.ts';

const blockBytes = 512;
/** Of a long name or of extended headers: more is no name. */
const maxNameBytes = 1024 * 1024;

/** One header block. */
interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

/** What is a file, by its type flag: ustar's, the oldest tars', and what is to lie in one piece. */
const fileTypes = new Set(['0', '\0', '7']);
/** Folders; and what says something of the archive as a whole. */
const silentTypes = new Set(['5', 'g', 'V', 'D']);
const refusedTypes: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '6': 'a pipe',
};

/**
 * The files from the reader's place on, which is the archive's beginning or the `next` of a file.
 * Hidden files are passed over. Throws `InvalidData`, which says of `what` what is wrong with it:
 * links, devices, names that lead out, damage, and an end without the mark of one.
 */
export async function* readTar(reader: ByteReader, what: string): AsyncGenerator<ArchiveFile> {
  /** What stands before a header and belongs to it. */
  let longName: string | undefined;
  let longSize: number | undefined;
  for (;;) {
    const at = reader.position;
    const block = await reader.read(blockBytes);
    if (block.length < blockBytes) throw cutShort(what);
    if (block.every((byte) => byte === 0)) return;
    const header = decodeHeader(block, what, at);
    const { type } = header;
    const size = longSize ?? header.size;
    const end = reader.position + Math.ceil(size / blockBytes) * blockBytes;

    if (type === 'x' || type === 'L') {
      if (size > maxNameBytes) throw invalid(what, `has a name of ${size} bytes at byte ${at}`);
      const text = await readText(reader, size, what);
      const pax = type === 'x' ? decodePax(text) : undefined;
      longName = pax ? (pax.get('path') ?? longName) : text.replace(/\0.*$/s, '');
      longSize = pax?.has('size') ? Number(pax.get('size')) : longSize;
    } else if (type === 'K' || silentTypes.has(type)) {
      if (type === '5') checkedName(what, longName ?? header.name);
      if (type !== 'K') [longName, longSize] = [undefined, undefined];
    } else {
      const name = checkedName(what, longName ?? header.name);
      [longName, longSize] = [undefined, undefined];
      if (!fileTypes.has(type)) {
        const kind = refusedTypes[type] ?? `an entry of the unknown type '${type}'`;
        throw invalid(
          what,
          `has ${kind}, '${name}': make it anew of the files themselves (tar --dereference --hard-dereference)`,
        );
      }
      if (!name.endsWith('/') && !isPassedOver(name)) {
        yield { name, size, next: end, bytes: () => wholly(reader, size, what) };
      }
    }
    const left = end - reader.position;
    if ((await reader.skip(left)) < left) throw cutShort(what);
  }
}

async function* wholly(reader: ByteReader, size: number, what: string): AsyncGenerator<Uint8Array> {
  const end = reader.position + size;
  yield* reader.pieces(size);
  if (reader.position < end) throw cutShort(what);
}

async function readText(reader: ByteReader, size: number, what: string): Promise<string> {
  const bytes = await reader.read(size);
  if (bytes.length < size) throw cutShort(what);
  return bytes.toString('utf8');
}

function decodeHeader(block: Buffer, what: string, at: number): Header {
  const sum = block.reduce((sum, byte) => sum + byte, 0);
  const ownSum = block.subarray(148, 156).reduce((sum, byte) => sum + byte, 0);
  const spaces = 8 * 0x20; // the checksum counts itself as spaces
  if (sum - ownSum + spaces !== octal(block, 148, 8)) {
    if (at === 0) throw invalid(what, 'holds no tar: give a .tar, .tar.gz or .zip');
    throw invalid(what, `is damaged at byte ${at} of its tar: download it again`);
  }
  const text = (start: number, length: number): string => {
    const field = block.subarray(start, start + length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? length : end);
  };
  const isUstar = text(257, 6) === 'ustar'; // GNU's own has a space there, and no prefix
  const prefix = isUstar ? text(345, 155) : '';
  return {
    name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100),
    size: octal(block, 124, 12),
    type: String.fromCharCode(block[156]!),
  };
}

/** Octal digits; of what is too large for them, GNU writes the bytes after a first bit that is set. */
function octal(block: Buffer, start: number, length: number): number {
  if ((block[start]! & 0x80) !== 0) return block.readUIntBE(start + length - 6, 6);
  return Number.parseInt(block.toString('latin1', start, start + length), 8) || 0;
}

/** Extended headers: lines of `<length> <key>=<value>`, their length in bytes. */
function decodePax(text: string): Map<string, string> {
  const values = new Map<string, string>();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    const line = /^(\d+) /.exec(bytes.toString('latin1', at, at + 24));
    if (!line) break;
    const end = at + Number(line[1]);
    const [key, value] = bytes
      .toString('utf8', at + line[0].length, end - 1)
      .split(/=(.*)/s, 2) as [string, string];
    values.set(key, value);
    at = end;
  }
  return values;
}

const cutShort = (what: string) => invalid(what, 'is cut short: download it again');
