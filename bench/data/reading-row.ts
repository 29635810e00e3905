/** Reading shards from S3 into batches, nothing of them on local disk yet. */
import { spread, spreadText } from '../statistics.ts';
import { readingContest } from './reading-contest.ts';
import type { ReadingSet } from './reading-contest.ts';
import type { Row } from './row.ts';

/** `eaten`: images a second that the trainer takes on two cores in bfloat16. */
function readingRow(set: ReadingSet, eaten: number): Row {
  return {
    name: `read-${set.size}`,
    about: `reading shards from S3 into batches, ${set.images} images of ${set.size} px`,
    async measure(options) {
      const figures = await readingContest(set, options);
      return { table: readingTable(figures, eaten), figures };
    },
  };
}

export const readingRows: readonly Row[] = [
  readingRow({ size: 32, images: 60_000, batch: 128, shardBytes: 8 * 2 ** 20 }, 1_040),
  readingRow({ size: 224, images: 4_000, batch: 16, shardBytes: 32 * 2 ** 20 }, 28),
];

/** The fastest first, beside the best peer and the trainer. */
function readingTable(rates: Readonly<Record<string, readonly number[]>>, eaten: number): string {
  const median = (name: string): number => spread(rates[name]!).median;
  const names = Object.keys(rates).toSorted((a, b) => median(b) - median(a));
  const best = Math.max(...names.filter((name) => name !== 'Nightshift').map(median));
  const lines = names.map((name) => {
    const rate = spread(rates[name]!);
    const ratios = [rate.median / best, rate.median / eaten].map((ratio) => ratio.toFixed(2));
    return `| ${name} | ${rate.n} | ${spreadText(rate, 0)} | ${ratios.join(' | ')} |`;
  });
  const head = '|   | n | images/s | of the best peer | of what the trainer takes |';
  return `${head}\n|---|---|---|---|---|\n${lines.join('\n')}`;
}
