/**
 * Takes the images of a source in, pack by pack. Each pack is committed as a part of its own, with
 * the place where the source goes on: an attempt that comes later begins there.
 */
import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { partManifestKey, stageDataPrefix } from '../contract/keys.ts';
import { imagePartManifestSchema } from '../contract/manifests.ts';
import type { ImagePartManifest } from '../contract/manifests.ts';
import { openClassFolders } from '../data/class-folders.ts';
import { encodeImageRecord } from '../data/image-record.ts';
import { formatImportRow, isRejected, parseImportRows } from '../data/import-rows.ts';
import type { ImportRow } from '../data/import-rows.ts';
import { inOrder } from '../data/in-order.ts';
import { commitManifest, readFileOf, readManifest, writeData } from '../storage/commit.ts';
import type { DataFile } from '../storage/commit.ts';
import type { Step } from './durable.ts';
import { examineFile } from './examine-file.ts';
import type { ExaminedFile } from './examine-file.ts';
import { maxFileBytes } from './image-sources/source.ts';
import type { Cursor, ImageSource } from './image-sources/source.ts';
import type { DataServices } from './services.ts';
import { intact } from './stages.ts';

/** A pack ends once it has so many bytes, or so many files were looked at. */
export interface PackLimits {
  readonly bytes: number;
  readonly files: number;
}

/** With the largest file that may come last, 128 MiB. */
export const packLimits: PackLimits = { bytes: 128 * 1024 * 1024 - maxFileBytes, files: 10_000 };

/** As many as libvips decodes at once: a thread of Node's pool each. */
const examinedAtOnce = 4;
const filesBetweenReports = 32;

export const packName = (part: number): string => `images-${padded(part)}.tfrecord`;
export const rowsName = (part: number): string => `rows-${padded(part)}.jsonl`;
const padded = (part: number): string => String(part).padStart(5, '0');

type ClassOf = ReturnType<typeof openClassFolders>;

/** A pack on the local disk, not committed yet. */
interface Pack {
  readonly path: string;
  readonly rows: readonly string[];
  readonly images: number;
  readonly next: Cursor | null;
}

/** The committed parts of the import `digest`, those made now and those that are there and verify. */
export async function makeImageParts(
  services: DataServices,
  digest: string,
  source: ImageSource,
  limits: PackLimits,
  step: Step,
): Promise<ImagePartManifest[]> {
  const { store } = services;
  const parts: ImagePartManifest[] = [];
  const classOf = openClassFolders();
  const progress = openProgressOf(source, step);
  const paths: string[] = [];
  let layoutKnown = false;
  let files: AsyncGenerator<ExaminedFile> | undefined;
  // The next pack is gathered while one is uploaded.
  let underWay: Promise<void> = Promise.resolve();
  try {
    for (let [part, cursor]: [number, Cursor | null] = [0, []]; cursor !== null; part += 1) {
      const key = partManifestKey(digest, part);
      const there = await intact(() =>
        readManifest(store, key, imagePartManifestSchema, { deep: true, signal: step.signal }),
      );
      if (there) {
        await files?.return(undefined);
        files = undefined;
        await underWay;
        parts.push(there);
        layoutKnown ||= await recallLayout(services, there, classOf);
        progress.add(there.images, there.rejected);
        cursor = there.next;
        continue;
      }
      files ??= inOrder(source.files(cursor), examinedAtOnce, examineFile);
      const path = join(services.scratch, `${randomUUID()}.tfrecord`);
      paths.push(path);
      const pack = await gather(path, files, classOf, limits, progress, step);
      await underWay;
      underWay = commit(services, digest, part, pack, step).then((made) => void parts.push(made));
      underWay.catch(() => undefined); // thrown where it is waited for
      cursor = pack.next;
    }
    await underWay;
    return parts;
  } finally {
    await files?.return(undefined);
    await underWay.catch(() => undefined);
    for (const path of paths) await rm(path, { force: true });
  }
}

async function gather(
  path: string,
  files: AsyncGenerator<ExaminedFile>,
  classOf: ClassOf,
  limits: PackLimits,
  progress: Progress,
  step: Step,
): Promise<Pack> {
  const rows: string[] = [];
  let [size, images] = [0, 0];
  let next: Cursor | null = null;
  await using pack = await open(path, 'w');
  for (let seen = 0; size < limits.bytes && seen < limits.files; seen += 1) {
    step.signal.throwIfAborted();
    const { value: examined, done } = await files.next();
    if (done) return { path, rows, images, next: null };
    const { row, record } = describe(examined, size, classOf);
    if (row) rows.push(formatImportRow(row));
    if (record) {
      await pack.writeFile(record);
      images += 1;
      size += record.length;
    }
    progress.file(examined, record !== undefined, row !== undefined);
    next = examined.file.next;
  }
  return { path, rows, images, next };
}

/** A file's row, and an image's record for the pack, which has `size` bytes so far. */
function describe(
  examined: ExaminedFile,
  size: number,
  classOf: ClassOf,
): { row?: ImportRow; record?: Buffer } {
  const { file, kind } = examined;
  const id = file.name;
  if (kind === 'other') return {};
  if (kind === 'broken') return { row: { id, reason: examined.reason } };
  const known = file.class ?? classOf(id);
  if ('problem' in known) return { row: { id, reason: known.problem } };
  const { bytes: encoded, format, sha256, phash } = examined;
  const { class: name, side, group } = known;
  const { bytes: record, encodedAt } = encodeImageRecord({ id, format, encoded, ...known });
  const place = { offset: size + encodedAt, length: encoded.length };
  return { row: { id, class: name, ...place, sha256, phash, group, side }, record };
}

async function commit(
  { store }: DataServices,
  digest: string,
  part: number,
  { path, rows, images, next }: Pack,
  step: Step,
): Promise<ImagePartManifest> {
  const { signal } = step;
  const data: DataFile[] = [{ name: rowsName(part), bytes: Buffer.from(rows.join('')) }];
  if (images > 0) data.unshift({ name: packName(part), path });
  const prefix = stageDataPrefix(digest, step.attempt);
  const files = await writeData(store, prefix, data, { signal });
  await rm(path);
  const key = partManifestKey(digest, part);
  const { manifest } = await commitManifest<ImagePartManifest>(
    store,
    key,
    imagePartManifestSchema,
    {
      version: 1,
      generation: 0,
      kind: 'image-part',
      attempt: step.attempt,
      stage: digest,
      part,
      files,
      images,
      rejected: rows.length - images,
      next: next === null ? null : [...next],
    },
  );
  return manifest;
}

/** The first image of all sets the layout of the folders, also for those that come after a restart. */
async function recallLayout(
  { store }: DataServices,
  { part, files }: ImagePartManifest,
  classOf: (name: string) => unknown,
): Promise<boolean> {
  const rows = files.find(({ name }) => name === rowsName(part))!;
  for (const row of parseImportRows(await readFileOf(store, rows))) {
    if (isRejected(row)) continue;
    classOf(row.id);
    return true;
  }
  return false;
}

interface Progress {
  /** Of a part that is there. */
  add(images: number, setAside: number): void;
  file(examined: ExaminedFile, isImage: boolean, isNoted: boolean): void;
}

/** Bytes of the source, and what came of them so far. */
function openProgressOf({ totalBytes: total }: ImageSource, step: Step): Progress {
  let [images, setAside, files] = [0, 0, 0];
  return {
    add(moreImages, moreSetAside) {
      images += moreImages;
      setAside += moreSetAside;
    },
    file({ file }, isImage, isNoted) {
      images += isImage ? 1 : 0;
      setAside += isNoted && !isImage ? 1 : 0;
      files += 1;
      if (files % filesBetweenReports !== 0) return;
      step.report({ bytes: file.readBytes, total, images, setAside });
    },
  };
}
