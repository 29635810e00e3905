/** Tars as they stream: what is in them, from where on they can be read, and what is refused. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ByteReader } from '../../data/byte-reader.ts';
import { gunzip } from '../../data/gunzip.ts';
import { readTar } from '../../data/tar.ts';
import { tarOf } from './archives.ts';

interface Read {
  readonly name: string;
  readonly text: string;
  readonly next: number;
}

/** In pieces of so many bytes. */
async function* streamed(bytes: Uint8Array, pieceBytes = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function readAll(bytes: Uint8Array, from = 0): Promise<Read[]> {
  const found: Read[] = [];
  const reader = new ByteReader(streamed(bytes.subarray(from)), from);
  for await (const { name, next, bytes: content } of readTar(reader, 'the tar')) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content()) pieces.push(piece);
    found.push({ name, text: Buffer.concat(pieces).toString(), next });
  }
  return found;
}

const refused = (bytes: Uint8Array, message: RegExp): Promise<void> =>
  assert.rejects(readAll(bytes), { name: 'InvalidData', message });

test('a tar gives its files in order, from any of them on', async () => {
  const tar = await tarOf(
    { name: 'pets/', type: 'directory' },
    { name: './pets/cat.jpg', bytes: 'a cat' },
    { name: 'pets/empty.jpg', bytes: '' },
    { name: 'pets/dog.jpg', bytes: 'd'.repeat(2000) },
  );
  const all = await readAll(tar);
  assert.deepEqual(
    all.map(({ name, text }) => [name, text.length]),
    [
      ['pets/cat.jpg', 5],
      ['pets/empty.jpg', 0],
      ['pets/dog.jpg', 2000],
    ],
  );
  for (const [index, { next }] of all.entries()) {
    assert.deepEqual(await readAll(tar, next), all.slice(index + 1));
  }
});

test('a file that is not read is passed over', async () => {
  const tar = await tarOf({ name: 'a', bytes: 'x'.repeat(5000) }, { name: 'b', bytes: 'b' });
  const names: string[] = [];
  for await (const { name } of readTar(new ByteReader(streamed(tar)), 'the tar')) names.push(name);
  assert.deepEqual(names, ['a', 'b']);
});

test("hidden files and macOS's folder are passed over", async () => {
  const tar = await tarOf(
    { name: 'cats/._cat.jpg', bytes: 'a' },
    { name: '__MACOSX/cats/cat.jpg', bytes: 'b' },
    { name: '.git/cat.jpg', bytes: 'c' },
    { name: 'cats/cat.jpg', bytes: 'd' },
  );
  assert.deepEqual(
    (await readAll(tar)).map(({ text }) => text),
    ['d'],
  );
});

test('what GNU tar writes is read in each of its formats, long names too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-tar-'));
  try {
    const long = `pets/${'very-'.repeat(25)}long/${'n'.repeat(90)}-ä.jpg`;
    for (const name of ['pets/cat.jpg', long]) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), name);
    }
    for (const format of ['gnu', 'pax', 'ustar']) {
      const wanted = format === 'ustar' ? ['pets/cat.jpg'] : ['pets/cat.jpg', long];
      const archive = join(folder, `${format}.tar`);
      execFileSync('tar', ['cf', archive, `--format=${format}`, '-C', folder, ...wanted]);
      const found = await readAll(await readFile(archive));
      assert.deepEqual(
        found.map(({ name, text }) => [name, text]),
        wanted.map((name) => [name, name]),
      );
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('names that lead out of their folder are refused', async () => {
  for (const name of ['../cat.jpg', 'pets/../../cat.jpg', '/etc/cat.jpg', 'C:\\cat.jpg']) {
    const tar = await tarOf({ name, bytes: 'x' });
    await refused(tar, /^the tar has a file named '.*cat\.jpg', which leads out of its folder/);
  }
});

test('links, devices and pipes are refused by name', async () => {
  for (const [type, kind] of [
    ['symlink', 'a symbolic link'],
    ['link', 'a hard link'],
    ['character-device', 'a device'],
    ['block-device', 'a device'],
    ['fifo', 'a pipe'],
  ] as const) {
    const tar = await tarOf({ name: 'pets/cat.jpg', type, linkname: 'dog.jpg' });
    await refused(tar, new RegExp(`^the tar has ${kind}, 'pets/cat\\.jpg': .*--dereference`));
  }
});

test('a tar that is cut short anywhere, damaged, or none is refused', async () => {
  const tar = await tarOf({ name: 'a', bytes: 'x'.repeat(600) }, { name: 'b', bytes: 'b' });
  for (const length of [100, 700, 1536, 2000, 2560]) {
    await refused(tar.subarray(0, length), /^the tar is cut short: download it again/);
  }
  const damaged = Buffer.from(tar);
  damaged[1536] = 0x7a;
  await refused(damaged, /is damaged at byte 1536 of its tar/);
  await refused(Buffer.from('<html>'.repeat(200)), /holds no tar/);
});

test('gzip is unpacked as it streams, and refused where it is cut short or damaged', async () => {
  const packed = gzipSync(Buffer.alloc(300_000, 'pets'));
  const unpack = async (bytes: Uint8Array): Promise<number> => {
    let size = 0;
    for await (const piece of gunzip(streamed(bytes), 'the tar')) size += piece.length;
    return size;
  };
  assert.equal(await unpack(packed), 300_000);
  await assert.rejects(unpack(packed.subarray(0, -20)), /InvalidData: the tar is cut short/);
  const damaged = Buffer.from(packed);
  damaged.fill(0xff, 200, 260);
  await assert.rejects(unpack(damaged), /InvalidData: the tar is damaged/);
});

test('a decompression bomb is refused before it has filled anything', async () => {
  const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024));
  const unpack = async (): Promise<void> => {
    for await (const _ of gunzip(streamed(bomb, 1 << 16), 'the tar'));
  };
  await assert.rejects(unpack(), /InvalidData: the tar unpacks to more than 100 times its size/);
});
