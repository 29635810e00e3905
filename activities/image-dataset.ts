/** Makes a dataset of an import's parts: numbers the classes, writes the index, and refuses what no run could train on. */
import { createHash } from 'node:crypto';
import { NightshiftError } from '../contract/failures.ts';
import { stageDataPrefix, stageManifestKey } from '../contract/keys.ts';
import { datasetManifestSchema } from '../contract/manifests.ts';
import type { DatasetManifest, ImagePartManifest, StoredFile } from '../contract/manifests.ts';
import { sortClasses } from '../data/class-names.ts';
import { formatImportRow, isRejected, parseImportRows } from '../data/import-rows.ts';
import type { ImportRow } from '../data/import-rows.ts';
import { formatPages, pageName, rowsPerPage } from '../data/sample-list.ts';
import type { Sample } from '../data/sample-list.ts';
import { commitManifest, readFileOf, writeData } from '../storage/commit.ts';
import type { Step } from './durable.ts';
import { packName, rowsName } from './image-parts.ts';
import type { DataServices } from './services.ts';
import { identify } from './stages.ts';

export interface ImportedParts {
  readonly parts: readonly ImagePartManifest[];
  /** The address or name, as the configuration has it. */
  readonly source: string;
  /** Share of the images that may be set aside. */
  readonly maxBadImages: number;
}

const namesShown = 5;

/** Throws `InvalidData`. The same packs are the same dataset, whatever source they came from. */
export async function commitImageDataset(
  services: DataServices,
  imported: ImportedParts,
  step: Step,
): Promise<DatasetManifest> {
  await refuseBadImages(services, imported);
  const { parts, source } = imported;
  const counts = await countClasses(services, parts);
  const classes = sortClasses(counts.keys());
  refuseClasses(counts, classes);

  const packs = parts.flatMap(({ part, files }) =>
    files.filter(({ name }) => name === packName(part)),
  );
  const hashes = packs.map(({ sha256 }) => sha256);
  const identity = identify('ingest-images/1', { classes }, hashes);
  const { digest } = identity;
  const prefix = stageDataPrefix(digest, step.attempt);
  const files = [...packs, ...(await writeIndex(services, parts, classes, prefix, step))];
  const { manifest } = await commitManifest<DatasetManifest>(
    services.store,
    stageManifestKey(digest),
    datasetManifestSchema,
    {
      version: 1,
      generation: 0,
      kind: 'dataset',
      attempt: step.attempt,
      ...identity,
      inputs: hashes,
      parameters: { classes },
      files,
      source,
      encoding: 'file',
      classes,
      samples: parts.reduce((sum, { images }) => sum + images, 0),
      samplesByClass: classes.map((name) => counts.get(name)!),
      setAside: parts.reduce((sum, { rejected }) => sum + rejected, 0),
    },
  );
  return manifest;
}

/** Row by row; memory holds those of one part. */
async function* rowsOf(
  { store }: DataServices,
  parts: readonly ImagePartManifest[],
): AsyncGenerator<{ part: number; row: ImportRow }> {
  for (const { part, files } of parts) {
    const rows = files.find(({ name }) => name === rowsName(part))!;
    for (const row of parseImportRows(await readFileOf(store, rows))) yield { part, row };
  }
}

async function refuseBadImages(
  services: DataServices,
  { parts, maxBadImages }: ImportedParts,
): Promise<void> {
  const images = parts.reduce((sum, part) => sum + part.images, 0);
  const bad = parts.reduce((sum, part) => sum + part.rejected, 0);
  if (images + bad === 0) {
    throw invalid(
      'holds no image: none of its files is a JPEG, PNG, WebP, GIF or TIFF, or has such a name',
    );
  }
  if (bad <= maxBadImages * (images + bad)) return;
  const shown: string[] = [];
  for await (const { row } of rowsOf(services, parts)) {
    if (isRejected(row)) shown.push(`\n- '${row.id}': ${row.reason}`);
    if (shown.length === namesShown) break;
  }
  const more = bad > shown.length ? `\n- and ${bad - shown.length} more` : '';
  throw invalid(
    `has ${bad} of ${images + bad} images that can't be used, and 'dataset.maxBadImages' allows a share of ${maxBadImages}: mend or remove them, or raise it:${shown.join('')}${more}`,
  );
}

/** Images of each class. Throws `InvalidData` when two have one name: of their hashes 64 bits are held, in order. */
async function countClasses(
  services: DataServices,
  parts: readonly ImagePartManifest[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const hashes = new BigUint64Array(parts.reduce((sum, { images }) => sum + images, 0));
  let index = 0;
  for await (const { row } of rowsOf(services, parts)) {
    if (isRejected(row)) continue;
    counts.set(row.class, (counts.get(row.class) ?? 0) + 1);
    hashes[index] = hashOf(row.id);
    index += 1;
  }
  hashes.sort();
  const twice = hashes.find((hash, at) => hash === hashes[at + 1]);
  if (twice === undefined) return counts;
  for await (const { row } of rowsOf(services, parts)) {
    if (hashOf(row.id) !== twice) continue;
    throw invalid(
      `has two images named '${row.id}': which one is meant can't be told; rename or remove one`,
    );
  }
  return counts;
}

const hashOf = (name: string): bigint =>
  createHash('sha256').update(name).digest().readBigUInt64LE(0);

function refuseClasses(counts: ReadonlyMap<string, number>, classes: readonly string[]): void {
  if (classes.length < 2) {
    throw invalid(
      `has one class only, '${classes.join()}', but a classifier has at least 2 to tell apart: give a folder a class`,
    );
  }
  const lone = classes.filter((name) => counts.get(name) === 1);
  if (lone.length === 0) return;
  const names = lone.slice(0, namesShown).map((name) => `'${name}'`);
  const more = lone.length > names.length ? ` and ${lone.length - names.length} more` : '';
  throw invalid(
    `has a single image of class ${names.join(', ')}${more}, which can't be learnt and tested: add more, or remove the class`,
  );
}

/** The index in pages, and what was set aside. */
async function writeIndex(
  services: DataServices,
  parts: readonly ImagePartManifest[],
  classes: readonly string[],
  prefix: string,
  { signal }: Step,
): Promise<StoredFile[]> {
  const labels = new Map(classes.map((name, label) => [name, label]));
  const files: StoredFile[] = [];
  const setAside: string[] = [];
  let page: Sample[] = [];
  const write = async (name: string, bytes: Uint8Array): Promise<void> => {
    signal.throwIfAborted();
    files.push(...(await writeData(services.store, prefix, [{ name, bytes }], { signal })));
  };
  const writePage = async (): Promise<void> => {
    const [formatted] = formatPages('index', page);
    await write(pageName('index', files.length), formatted!.bytes);
    page = [];
  };
  for await (const { part, row } of rowsOf(services, parts)) {
    if (isRejected(row)) {
      setAside.push(formatImportRow(row));
      continue;
    }
    const { class: name, ...sample } = row;
    page.push({ ...sample, file: packName(part), label: labels.get(name)! });
    if (page.length === rowsPerPage) await writePage();
  }
  if (page.length > 0) await writePage();
  if (setAside.length > 0) await write('rejected.jsonl', Buffer.from(setAside.join('')));
  return files;
}

const invalid = (problem: string): NightshiftError =>
  new NightshiftError('InvalidData', `the dataset ${problem}`);
