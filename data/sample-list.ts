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

/** A list's pages as files, one by one in their order: `<list>-00000.jsonl`, .. */
export function* formatPages(
  list: string,
  samples: Iterable<Sample>,
): Generator<{ name: string; bytes: Uint8Array }> {
  let page = 0;
  let rows: string[] = [];
  const end = (): { name: string; bytes: Uint8Array } => {
    const bytes = Buffer.from(rows.join(''));
    rows = [];
    return { name: pageName(list, page++), bytes };
  };
  for (const sample of samples) {
    rows.push(formatRow(sample));
    if (rows.length === rowsPerPage) yield end();
  }
  if (rows.length > 0) yield end();
}

export const pageName = (list: string, page: number): string =>
  `${list}-${String(page).padStart(5, '0')}.jsonl`;

/** Keys in a fixed order, so that equal rows are equal bytes. */
function formatRow(sample: Sample): string {
  const { id, file, offset, length, label, sha256, group, side, phash } = sample;
  return `${JSON.stringify({ id, file, offset, length, label, sha256, group, side, phash })}\n`;
}

/** The rows of a page that `formatPages` wrote, one by one. */
export function* parsePage(bytes: Uint8Array): Generator<Sample> {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(10, start);
    yield JSON.parse(lines.toString('utf8', start, end)) as Sample;
    start = end + 1;
  }
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
