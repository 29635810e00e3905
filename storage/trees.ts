/** Folders and bucket prefixes: what lies in them, and whether that has changed. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NightshiftError } from '../contract/failures.ts';
import { inWindow } from '../contract/window.ts';
import { sha256Hex } from './hash.ts';
import { parseAddress } from './sources.ts';
import type { SourceOptions } from './sources.ts';
import { ObjectNotFound } from './store.ts';

export interface TreeFile {
  /** Its path below the tree's top. */
  readonly name: string;
  readonly size: number;
}

export interface Tree {
  /** In the order of their names. */
  readonly files: readonly TreeFile[];
  /** SHA-256 of all names, sizes and ETags (of local files: times): equal ones mean equal bytes. */
  readonly digest: string;
  /** Undefined: it is gone meanwhile. */
  read(file: TreeFile): Promise<Uint8Array | undefined>;
  /** The address of one of its files. */
  addressOf(file: TreeFile): string;
  close(): void;
}

/** Listing more takes longer than asking whether a manifest has changed. */
const maxFiles = 100_000;
const statsAtOnce = 64;

/** Undefined: the address is that of one file. Hidden files are passed over. Throws `InvalidData`. */
export async function openTree(address: string, options: SourceOptions): Promise<Tree | undefined> {
  const place = parseAddress(address);
  if (place.kind === 's3' && place.key.endsWith('/')) {
    return openPrefix(address, place.bucket, place.key, options);
  }
  if (place.kind !== 'file') return undefined;
  const facts = await stat(place.path).catch(() => undefined); // the file's reader says what is wrong
  return facts?.isDirectory() ? openFolder(address, place.path) : undefined;
}

async function openPrefix(
  address: string,
  bucket: string,
  prefix: string,
  options: SourceOptions,
): Promise<Tree> {
  const store = await options.openBucket(bucket);
  const found: Listed[] = [];
  try {
    for await (const { key, size, etag } of store.list(prefix, options)) {
      const name = key.slice(prefix.length);
      if (key.endsWith('/') || isHidden(name)) continue; // a key with a slash at its end is a folder's mark
      found.push({ name, size, version: etag });
      refuseTooMany(address, found.length);
    }
  } catch (error) {
    store.close();
    throw error;
  }
  return {
    ...listing(found),
    async read({ name }) {
      try {
        return (await store.get(prefix + name, options)).bytes;
      } catch (error) {
        if (error instanceof ObjectNotFound) return undefined;
        throw error;
      }
    },
    addressOf: ({ name }) => address + name,
    close: () => store.close(),
  };
}

async function openFolder(address: string, root: string): Promise<Tree> {
  const names: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      if (isHidden(entry.name)) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        await walk(name);
      } else if (entry.isFile()) {
        names.push(name);
        refuseTooMany(address, names.length);
      } else {
        throw invalid(address, `has '${name}', which is no file: put the file itself there`);
      }
    }
  };
  await walk('');
  const found = await inWindow(names, statsAtOnce, async (name): Promise<Listed> => {
    const { size, mtimeMs } = await stat(join(root, name));
    return { name, size, version: String(mtimeMs) };
  });
  return {
    ...listing(found),
    read: ({ name }) =>
      readFile(join(root, name)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }),
    addressOf: ({ name }) => join(root, name),
    close: () => undefined,
  };
}

interface Listed extends TreeFile {
  readonly version: string;
}

function listing(found: Listed[]): Pick<Tree, 'files' | 'digest'> {
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = found.map(({ name, size, version }) => JSON.stringify([name, size, version]));
  return { files: found, digest: sha256Hex(lines.join('\n')) };
}

const isHidden = (name: string): boolean =>
  name.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');

function refuseTooMany(address: string, files: number): void {
  if (files <= maxFiles) return;
  throw invalid(
    address,
    `holds more than ${maxFiles} files: give a manifest, a .csv or .jsonl file with their addresses and labels, or an archive`,
  );
}

const invalid = (address: string, problem: string): NightshiftError =>
  new NightshiftError('InvalidData', `${address}: ${problem}`);
