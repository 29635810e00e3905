/**
 * Lists of samples: the index of a dataset, and each side of a split. JSON Lines, a row a sample, in
 * pages, so that whoever needs some rows reads no more than the pages that hold them.
 */
import type { Side, StoredFile } from '../contract/manifests.ts';

/** One image of a dataset: where it lies, and what it is. */
export interface Sample {
  readonly id: string;
  /** The dataset's pack, and where in it the image's own bytes are. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  /** Index of its class. */
  readonly label: number;
  /** SHA-256 of exactly these bytes. */
  readonly sha256: string;
  /** What it belongs to by the source's word (a patient, a scene), where it says so. */
  readonly group?: string | undefined;
  /** Where the source itself has it, if it is divided. */
  readonly side?: Side | undefined;
  /** What it looks like: 64 bits as 16 hexadecimal digits, of which similar images share most. */
  readonly phash?: string | undefined;
}

/** Every page of a list has so many rows, the last one what is left. */
export const rowsPerPage = 10_000;

/** A list's pages as files, in their order: `<list>-00000.jsonl`, .. */
export function formatPages(
  list: string,
  samples: readonly Sample[],
): { name: string; bytes: Uint8Array }[] {
  const pages = Math.ceil(samples.length / rowsPerPage);
  return Array.from({ length: pages }, (_, page) => {
    const first = page * rowsPerPage;
    const rows = samples.slice(first, first + rowsPerPage).map(formatRow);
    return { name: pageName(list, page), bytes: Buffer.from(rows.join('')) };
  });
}

export const pageName = (list: string, page: number): string =>
  `${list}-${String(page).padStart(5, '0')}.jsonl`;

/** Keys in a fixed order, so that equal rows are equal bytes. */
function formatRow(sample: Sample): string {
  const { id, file, offset, length, label, sha256, group, side, phash } = sample;
  return `${JSON.stringify({ id, file, offset, length, label, sha256, group, side, phash })}\n`;
}

/** The rows of a page that `formatPages` wrote. */
export function parsePage(bytes: Uint8Array): Sample[] {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  return JSON.parse(`[${lines.trimEnd().replaceAll('\n', ',')}]`) as Sample[];
}

/** The pages of a list among a manifest's files: those that hold rows `first` to `first + count`, or all. */
export function pagesOf(
  files: readonly StoredFile[],
  list: string,
  first = 0,
  count = Infinity,
): StoredFile[] {
  const isPage = new RegExp(`^${list}-\\d{5}\\.jsonl$`);
  const pages = files.filter(({ name }) => isPage.test(name));
  return pages
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .slice(Math.floor(first / rowsPerPage), Math.ceil((first + count) / rowsPerPage));
}

/** Samples of each class. */
export function countLabels(samples: readonly Sample[], classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const { label } of samples) counts[label]! += 1;
  return counts;
}
