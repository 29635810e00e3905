/**
 * The commit protocol: data first, under its attempt's own prefix; then the manifest that names
 * it, by one conditional write. A reader sees all of a commit or none of it, and of two writers
 * one wins. A winner that does not verify is replaced, not adopted.
 */
import type { z } from 'zod';
import type { StoredFile } from '../contract/manifests.ts';
import { inWindow } from '../contract/window.ts';
import { sha256Hex } from './hash.ts';
import { getIfThere, racing, writeIf } from './race.ts';
import { problemsOf, unseal } from './sealed-json.ts';
import { DamagedObject, ObjectNotFound } from './store.ts';
import type { CallOptions, ObjectStore, TransferOptions } from './store.ts';

/** What each manifest schema of contract/manifests.ts has. */
export interface Manifest {
  readonly generation: number;
  readonly attempt: string;
  readonly files: readonly StoredFile[];
}

/** Data to store under `name`: bytes, or a local file. */
export type DataFile =
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly path: string };

/** How closely files are looked at: that they are there with their sizes, or every byte. */
export type Verification = 'sizes' | 'hashes';

export interface Committed<M> {
  /** What is in the store now: one's own, or the winner's. */
  readonly manifest: M;
  readonly outcome: 'committed' | 'adopted' | 'replaced';
}

const filesAtOnce = 16;

/** Stores data that nothing names yet, file by file. `prefix` is the attempt's own and ends in a slash. */
export async function writeData(
  store: ObjectStore,
  prefix: string,
  files: Iterable<DataFile>,
  options: TransferOptions = {},
): Promise<StoredFile[]> {
  const stored: StoredFile[] = [];
  let before = 0;
  for (const file of files) {
    const key = prefix + file.name;
    if ('bytes' in file) {
      await store.put(key, file.bytes, { signal: options.signal });
      stored.push({
        name: file.name,
        key,
        size: file.bytes.length,
        sha256: sha256Hex(file.bytes),
      });
    } else {
      const { size, sha256 } = await store.putFile(key, file.path, {
        signal: options.signal,
        onProgress: (bytes) => options.onProgress?.(before + bytes),
      });
      stored.push({ name: file.name, key, size, sha256 });
    }
    before += stored.at(-1)!.size;
    options.onProgress?.(before);
  }
  return stored;
}

/**
 * Makes `manifest` the one at `key`, unless a winner is there that verifies (`verify`, by default
 * every byte) and `suffices`: then that one is adopted, and one's own data is garbage. A
 * replacement's generation is one above that of the former winner, as far as it can be read.
 */
export async function commitManifest<M extends Manifest>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<M>,
  manifest: M,
  options: CallOptions & {
    readonly verify?: Verification;
    readonly suffices?: (winner: M) => boolean;
  } = {},
): Promise<Committed<M>> {
  const { signal, verify = 'hashes', suffices = () => true } = options;
  const problem = problemsOf(schema.safeParse(manifest));
  if (problem) throw new Error(`s3://${store.bucket}/${key}: not written, for it ${problem}`);
  return racing(store, key, options, async () => {
    if (await writeIf(store, key, manifest, { ifNoneMatch: '*', signal })) {
      return { manifest, outcome: 'committed' };
    }
    const there = await inspect(store, key, schema, verify, options);
    if (there.state === 'absent') return undefined;
    if (there.state === 'good' && suffices(there.manifest)) {
      return { manifest: there.manifest, outcome: 'adopted' };
    }
    const generation = Math.max(manifest.generation, there.generation ?? 0) + 1;
    const replacement = { ...manifest, generation };
    if (await writeIf(store, key, replacement, { ifMatch: there.etag, signal })) {
      return { manifest: replacement, outcome: 'replaced' };
    }
    return undefined;
  });
}

/**
 * The manifest at `key`; undefined when there is none. Throws `DamagedObject` when it is not as
 * it was written, or a file it names is missing or has another size (`deep`: or other bytes).
 */
export async function readManifest<M extends Manifest>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<M>,
  options: CallOptions & { readonly deep?: boolean } = {},
): Promise<M | undefined> {
  const there = await inspect(store, key, schema, options.deep ? 'hashes' : 'sizes', options);
  if (there.state === 'damaged') throw there.error;
  return there.state === 'good' ? there.manifest : undefined;
}

/** The bytes of a file that a manifest names. Throws `DamagedObject` when they are gone, or others. */
export async function readFileOf(
  store: ObjectStore,
  file: StoredFile,
  options: CallOptions = {},
): Promise<Uint8Array> {
  const object = await getIfThere(store, file.key, options);
  const sha256 = object && sha256Hex(object.bytes);
  if (sha256 === file.sha256) return object!.bytes;
  const problem = sha256 ? `expected SHA-256 ${file.sha256}, got ${sha256}` : 'is missing';
  throw new DamagedObject({ bucket: store.bucket, key: file.key }, problem);
}

/** Throws `DamagedObject` for the first file that is not there as `manifestKey` names it. */
export async function verifyFiles(
  store: ObjectStore,
  manifestKey: string,
  files: readonly StoredFile[],
  verification: Verification,
  options: CallOptions = {},
): Promise<void> {
  await inWindow(files, filesAtOnce, (file) =>
    verifyFile(store, manifestKey, file, verification, options),
  );
}

type Inspected<M> =
  | { state: 'absent' }
  | { state: 'good'; manifest: M; etag: string; generation: number }
  | { state: 'damaged'; error: DamagedObject; etag: string; generation: number | undefined };

async function inspect<M extends Manifest>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<M>,
  verification: Verification,
  options: CallOptions,
): Promise<Inspected<M>> {
  let etag: string | undefined;
  let manifest: M | undefined;
  try {
    const object = await getIfThere(store, key, options);
    if (!object) return { state: 'absent' };
    etag = object.etag;
    manifest = unseal(object.bytes, schema, { bucket: store.bucket, key }, etag);
    await verifyFiles(store, key, manifest.files, verification, options);
    return { state: 'good', manifest, etag, generation: manifest.generation };
  } catch (error) {
    if (!(error instanceof DamagedObject)) throw error;
    // The manifest's own ETag: that of a damaged file would not do as the condition.
    etag ??= error.etag!;
    return { state: 'damaged', error, etag, generation: manifest?.generation };
  }
}

async function verifyFile(
  store: ObjectStore,
  manifestKey: string,
  file: StoredFile,
  verification: Verification,
  options: CallOptions,
): Promise<void> {
  const differs = (problem: string, cause?: unknown) =>
    new DamagedObject({ bucket: store.bucket, key: file.key }, problem, { manifestKey, cause });
  try {
    const found =
      verification === 'hashes'
        ? await store.digest(file.key, options)
        : await store.head(file.key, options);
    if (!found) throw differs('is missing');
    if (found.size !== file.size) {
      throw differs(`expected ${file.size} bytes, got ${found.size}`);
    }
    if ('sha256' in found && found.sha256 !== file.sha256) {
      throw differs(`expected SHA-256 ${file.sha256}, got ${found.sha256}`);
    }
  } catch (error) {
    if (error instanceof ObjectNotFound) throw differs('is missing', error);
    if (error instanceof DamagedObject && !error.manifestKey) throw differs(error.problem, error);
    throw error;
  }
}
