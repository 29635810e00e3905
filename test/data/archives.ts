/** Archives made for tests. */
import { crc32 } from '@node-rs/crc32';
import { buffer } from 'node:stream/consumers';
import { deflateRawSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';

export type ArchiveEntry = Partial<Header> &
  Pick<Header, 'name'> & { readonly bytes?: Uint8Array | string };

export async function tarOf(...entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { bytes, ...header } of entries) {
    if (bytes === undefined) tar.entry(header);
    else tar.entry(header, typeof bytes === 'string' ? bytes : Buffer.from(bytes));
  }
  tar.finalize();
  return buffer(tar);
}

export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array | string;
  /** Of Unix: the kind of file, and who may read it. */
  readonly mode?: number;
  readonly flags?: number;
  readonly checksum?: number;
}

/** A zip of packed files, by the format's own tables. */
export function zipOf(...entries: readonly ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const table: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, mode = 0o100644, flags = 0, checksum } of entries) {
    const content = Buffer.from(bytes);
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // the version that is needed
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4); // deflate
    common.writeUInt32LE(checksum ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const madeBy = Buffer.from([20, 3]); // Unix
    table.push(Buffer.from('PK\x01\x02'), madeBy, common, rest, Buffer.from(name));
    files.push(file);
    offset += file.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(table).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, ...table, end]);
}
