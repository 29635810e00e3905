/** One data worker, and two on two cores: their activities with a store in memory, so that no server takes its share. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { spread, spreadText } from '../statistics.ts';
import type { AugmentingSpec } from './augmenting-worker.ts';
import type { Row } from './row.ts';

export const workersRow: Row = {
  name: 'workers',
  about: 'augmented shards by one data worker and by two, images/s at 32 px',
  async measure({ rounds, seconds }) {
    const spec = { size: 32, images: 2_700, seconds };
    const figures: { one: number; two: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const [one, two] = [await rateOf(1, spec), await rateOf(2, spec)];
      figures.push({ one, two });
      const load = loadavg()[0]!.toFixed(1);
      console.error(`round ${round + 1}: ${one.toFixed(0)} and ${two.toFixed(0)}, load ${load}`);
    }
    const of = (pick: (round: (typeof figures)[number]) => number, digits = 0): string =>
      spreadText(spread(figures.map(pick)), digits);
    const table = `| n = ${rounds} | images/s |
|---|---|
| one data worker | ${of(({ one }) => one)} |
| two | ${of(({ two }) => two)} |
| ratio | ${of(({ one, two }) => two / one, 2)} |`;
    return { table, figures };
  },
};

async function rateOf(workers: number, spec: AugmentingSpec): Promise<number> {
  const script = join(import.meta.dirname, 'augmenting-worker.ts');
  const started = Array.from({ length: workers }, () => {
    const args = ['--import', 'tsx', script, JSON.stringify(spec)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, lines, exited: once(child, 'exit') };
  });
  for (const { lines } of started) await lines.next();
  for (const { child } of started) child.stdin.write('go\n');
  const rates = await Promise.all(
    started.map(async ({ lines, exited }) => {
      const { value } = await lines.next();
      await exited;
      return (JSON.parse(value as string) as { imagesPerSecond: number }).imagesPerSecond;
    }),
  );
  return rates.reduce((sum, rate) => sum + rate, 0);
}
