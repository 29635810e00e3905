/** The engine's table: each contestant's medians with their spread, beside the best peer and the GEMM peak. */
import { cpus } from 'node:os';
import { spread, spreadText } from '../statistics.ts';
import { forwardFlops } from './flops.ts';
import type { Row, Spec } from './spec.ts';

/** What one round of a contestant gave. */
export interface Figures {
  readonly imagesPerSecond: number;
  readonly cpuSecondsPerImage: number;
  readonly peakMb: number;
  /** From the process's start to its first step done. */
  readonly startSeconds: number;
}

/** Of every contestant's rounds, by its name. */
export type RowFigures = Readonly<Record<string, readonly Figures[]>>;

/** FLOP/s of matrix products, by the library that computes the steps. */
export type Peaks = Readonly<Record<Spec['precision'], number>>;

/** A step is a forward pass and twice as much backward; with a frozen backbone, or none to train, a forward pass. */
const passes = { train: 3, head: 1, predict: 1 } as const;

export function table(
  { name: row, task, size, batch }: Row,
  all: RowFigures,
  peaks: Peaks,
): string {
  const speed = (name: string): number =>
    spread(all[name]!.map(({ imagesPerSecond }) => imagesPerSecond)).median;
  const names = Object.keys(all).toSorted((a, b) => speed(b) - speed(a));
  const best = Math.max(...names.filter((name) => !name.startsWith('Nightshift')).map(speed));
  const flops = passes[task] * forwardFlops(size);
  const lines = names.map((name) => {
    const of = (key: keyof Figures, digits: number): string =>
      spreadText(spread(all[name]!.map((one) => one[key])), digits);
    const peak = peaks[name.endsWith('float32') ? 'float32' : 'bfloat16'];
    return `| ${[
      name,
      all[name]!.length,
      of('imagesPerSecond', 1),
      (speed(name) / best).toFixed(2),
      `${((100 * speed(name) * flops) / peak).toFixed(0)} %`,
      of('cpuSecondsPerImage', 5),
      of('peakMb', 0),
      of('startSeconds', 1),
    ].join(' | ')} |`;
  });
  const gigaflops = (peak: number): string => (peak / 1e9).toFixed(0);
  return `
${row}: ${task}, ${size} px, batch ${batch}; medians (min to max) of n rounds; ${cpus()[0]!.model}, ${cpus().length} cores; matrix products ${gigaflops(peaks.float32)} GFLOP/s in float32, ${gigaflops(peaks.bfloat16)} in bfloat16

| | n | images/s | of the best peer | of the GEMM peak | CPU s an image | peak MB | s to the first step |
|---|---|---|---|---|---|---|---|
${lines.join('\n')}`;
}
