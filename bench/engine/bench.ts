/** The engine against its peers: the same network, batch and task, each in a process of its own, in turn. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { trainerEnvironment } from '../../model/trainer-environment.ts';
import { peersPython } from '../peers.mjs';
import { spread, spreadText } from '../statistics.ts';
import { forwardFlops } from './flops.ts';
import { contestants, rows } from './spec.ts';
import type { Contestant, Spec } from './spec.ts';

interface Figures {
  readonly imagesPerSecond: number;
  readonly cpuSecondsPerImage: number;
  readonly peakMb: number;
  /** From the process's start to its first step done. */
  readonly startSeconds: number;
}

type Row = Pick<Spec, 'task' | 'size' | 'batch'> & { readonly name: string };

const usage = `npm run bench -- engine [options]
  --row <name>       one of ${rows.map(({ name }) => name).join(', ')}; may be repeated (default: all)
  --only <text>      contestants whose name has this text, beside Nightshift; may be repeated
  --rounds <n>       rounds of each, in turn (default 5)
  --seconds <s>      steps are measured for this long (default 6)
  --json             the figures of every round`;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      row: { type: 'string', multiple: true, default: rows.map(({ name }) => name) },
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '6' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const chosen = rows.filter(({ name }) => values.row.includes(name));
  if (values.help || chosen.length < values.row.length) {
    console.log(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const python = await peersPython('engines');
  const peaks = { float32: gemmPeak('float32'), bfloat16: gemmPeak('bfloat16') };
  const results: Record<string, Record<string, Figures[]>> = {};
  for (const row of chosen) {
    const all = contestants(row.task).filter(
      ({ name }) =>
        name.startsWith('Nightshift') ||
        values.only.length === 0 ||
        values.only.some((text) => name.includes(text)),
    );
    const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
    const figures = await measureRow(python, row, all, rounds, seconds);
    results[row.name] = figures;
    if (!values.json) console.log(table(row, figures, peaks));
  }
  if (values.json) console.log(JSON.stringify(results, null, 1));
}

/** The figures of each contestant's rounds, taken in turn. */
export async function measureRow(
  python: string,
  row: Row,
  all: readonly Contestant[],
  rounds: number,
  seconds: number,
): Promise<Record<string, Figures[]>> {
  const figures: Record<string, Figures[]> = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of all) {
      const one = await run(python, row, contestant, seconds);
      if (one) (figures[contestant.name] ??= []).push(one);
      console.error(progressLine(row, round, contestant, one));
    }
  }
  return figures;
}

/** Undefined when the contestant can't do the task. */
async function run(
  python: string,
  { task, size, batch }: Row,
  { script, precision, variant }: Contestant,
  seconds: number,
): Promise<Figures | undefined> {
  const spec: Spec = { task, size, batch, precision, variant, warmup: 2, seconds };
  const path = join(import.meta.dirname, script);
  const [command, args, env] = script.endsWith('.ts')
    ? [process.execPath, ['--import', 'tsx', path], trainerEnvironment()]
    : [python, [path], process.env];
  const startedAt = performance.now();
  const child = spawn(command, [...args, JSON.stringify(spec)], {
    stdio: ['ignore', 'pipe', 'ignore'],
    cwd: import.meta.dirname,
    env,
  });
  const exited = once(child, 'exit');
  let startSeconds: number | undefined;
  let figures: Omit<Figures, 'startSeconds'> | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    const said = JSON.parse(line) as { first?: true } & Omit<Figures, 'startSeconds'>;
    if (said.first) startSeconds = (performance.now() - startedAt) / 1000;
    else figures = said;
  }
  await exited;
  return figures && startSeconds !== undefined ? { ...figures, startSeconds } : undefined;
}

function progressLine(row: Row, round: number, { name }: Contestant, one?: Figures): string {
  const figure = one ? `${one.imagesPerSecond.toFixed(1)} images/s` : 'failed';
  return `${row.name}, round ${round + 1}: ${name} ${figure}, load ${loadavg()[0]!.toFixed(1)}`;
}

/** FLOP/s of matrix products, by the library that computes the steps. */
function gemmPeak(precision: Spec['precision']): number {
  const script = join(import.meta.dirname, 'gemm.ts');
  const said = execFileSync(process.execPath, ['--import', 'tsx', script, precision], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: trainerEnvironment(),
  });
  return (JSON.parse(said) as { flops: number }).flops;
}

/** A step is a forward pass and twice as much backward; with a frozen backbone, or none to train, a forward pass. */
const passes = { train: 3, head: 1, predict: 1 } as const;

function table(
  row: Row,
  figures: Readonly<Record<string, Figures[]>>,
  peaks: Readonly<Record<Spec['precision'], number>>,
): string {
  const speed = (name: string): number =>
    spread(figures[name]!.map(({ imagesPerSecond }) => imagesPerSecond)).median;
  const names = Object.keys(figures).toSorted((a, b) => speed(b) - speed(a));
  const best = Math.max(...names.filter((name) => !name.startsWith('Nightshift')).map(speed));
  const flops = passes[row.task] * forwardFlops(row.size);
  const lines = names.map((name) => {
    const of = (key: keyof Figures, digits: number): string =>
      spreadText(spread(figures[name]!.map((one) => one[key])), digits);
    return `| ${[
      name,
      of('imagesPerSecond', 1),
      (speed(name) / best).toFixed(2),
      `${((100 * speed(name) * flops) / peaks[name.endsWith('float32') ? 'float32' : 'bfloat16']).toFixed(0)} %`,
      of('cpuSecondsPerImage', 5),
      of('peakMb', 0),
      of('startSeconds', 1),
    ].join(' | ')} |`;
  });
  const n = Math.min(...Object.values(figures).map(({ length }) => length));
  return `
${row.name}: ${row.task}, ${row.size} px, batch ${row.batch}; medians (min to max), n = ${n}; ${cpus()[0]!.model}, ${cpus().length} cores; matrix products ${(peaks.float32 / 1e9).toFixed(0)} GFLOP/s in float32, ${(peaks.bfloat16 / 1e9).toFixed(0)} in bfloat16

| | images/s | of the best peer | of the GEMM peak | CPU s an image | peak MB | s to the first step |
|---|---|---|---|---|---|---|
${lines.join('\n')}`;
}
