/** Contestants that make images: each in a process of its own, on one core, in turn. */
import { cpus, loadavg } from 'node:os';
import { spread, spreadText } from '../statistics.ts';
import { imagesPerSecond } from './contestant.ts';
import { dataPeersPython } from './peers.mjs';
import type { RowOptions } from './row.ts';

export interface Contestant {
  readonly name: string;
  readonly script: string;
  readonly variant: string;
}

/** What a contestant's process is told. */
export interface Spec {
  readonly variant: string;
  /** Height and width of a view, in pixels. */
  readonly size: number;
  /** A folder of JPEG files to be decoded; '': images that are made. */
  readonly photos: string;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** Images a second of each round, by contestant; ours are those whose name begins with Nightshift. */
export type Rates = Readonly<Record<string, readonly number[]>>;

export async function contest(
  contestants: readonly Contestant[],
  size: number,
  photos: string,
  { rounds, seconds, only }: RowOptions,
): Promise<Rates> {
  const python = await dataPeersPython('augmenting');
  // Whatever threads it has, they share the last core.
  const onOneCore = ['taskset', '--cpu-list', String(cpus().length - 1)];
  const environment = { ...process.env, OMP_NUM_THREADS: '1' };
  const spec = { size, photos, warmupSeconds: 1, seconds };
  const rates: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, script, variant } of contestants) {
      if (only.length > 0 && !only.some((text) => name.includes(text))) continue;
      const rate = await imagesPerSecond(
        python,
        script,
        { ...spec, variant },
        environment,
        onOneCore,
      );
      (rates[name] ??= []).push(rate);
      const load = loadavg()[0]!.toFixed(1);
      console.error(`round ${round + 1}: ${name} ${rate.toFixed(0)} images/s, load ${load}`);
    }
  }
  return rates;
}

/** The fastest first, beside the best peer. */
export function ratesTable(rates: Rates): string {
  const median = (name: string): number => spread(rates[name]!).median;
  const names = Object.keys(rates).toSorted((a, b) => median(b) - median(a));
  const best = Math.max(...names.filter((name) => !name.startsWith('Nightshift')).map(median));
  const lines = names.map((name) => {
    const ratio = (median(name) / best).toFixed(2);
    return `| ${name} | ${rates[name]!.length} | ${spreadText(spread(rates[name]!), 0)} | ${ratio} |`;
  });
  return `|   | n | images/s, one core | of the best peer |\n|---|---|---|---|\n${lines.join('\n')}`;
}
