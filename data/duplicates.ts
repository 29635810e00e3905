/** Images that are there more than once, byte for byte. */
import { sides } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import type { SampleTable } from './sample-table.ts';

/** Contents in the list: what a person can look through. */
const mostListed = 10_000;

/** The side of a row that is on none: left out, or not taken at all. */
export const noSide = sides.length;

export interface Duplicates {
  /** Samples beyond the first of each content. */
  readonly copies: number;
  /** Copies left out, since their content lies on a later side: it is not trained on, too. */
  readonly leftOut: number;
  /** Contents that have more than one label. */
  readonly contradictions: number;
  /** The contents that several samples have. */
  readonly list: readonly DuplicateContent[];
}

export interface DuplicateContent {
  readonly sha256: string;
  /** `side` is null where the sample is left out. */
  readonly samples: readonly { id: string; label: number; side: Side | null }[];
}

/**
 * Of a content on several sides only the samples on the last one stay (test before validation
 * before train); `side`, by row and as an index of `sides`, becomes `noSide` for the others. `order`
 * has equal contents one after the other.
 */
export function settleDuplicates(
  table: SampleTable,
  order: Uint32Array,
  side: Uint8Array,
): Duplicates {
  let [copies, leftOut, contradictions] = [0, 0, 0];
  const list: DuplicateContent[] = [];
  for (let first = 0, next = 0; first < order.length; first = next) {
    while (next < order.length && table.isSameContent(order[first]!, order[next]!)) next += 1;
    if (next - first === 1) continue;
    const rows = [...order.subarray(first, next)];
    const last = Math.max(...rows.map((row) => side[row]!));
    for (const row of rows) {
      if (side[row] === last) continue;
      side[row] = noSide;
      leftOut += 1;
    }
    copies += rows.length - 1;
    if (new Set(rows.map(table.label)).size > 1) contradictions += 1;
    if (list.length === mostListed) continue;
    list.push({
      sha256: table.content(rows[0]!),
      samples: rows.map((row) => ({
        id: table.id(row),
        label: table.label(row),
        side: sides[side[row]!] ?? null,
      })),
    });
  }
  return { copies, leftOut, contradictions, list };
}
