/** The engine against its peers: the same network, batch and task, each in a process of its own, in turn. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { trainerEnvironment } from '../../model/trainer-environment.ts';
import { peersPython } from '../peers.mjs';
import { contestants, rows } from './spec.ts';
import type { Contestant, Row, Spec } from './spec.ts';
import { table } from './table.ts';
import type { Figures } from './table.ts';

const usage = `npm run bench -- engine [options]
  --row <name>       one of ${rows.map(({ name }) => name).join(', ')}; may be repeated (default: all)
  --only <text>      contestants whose name has this text; may be repeated (default: all)
  --rounds <n>       rounds of each, in turn (default 5)
  --seconds <s>      steps are measured for this long (default 6)
  --out <path>       figures, a round of a contestant a line; those it has already are in the table too
  --json             the figures of every round`;

/** A line of the file of figures. */
interface Result {
  readonly row: string;
  readonly contestant: string;
  readonly figures: Figures;
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      row: { type: 'string', multiple: true, default: rows.map(({ name }) => name) },
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '6' },
      out: { type: 'string' },
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
  const results = values.out && existsSync(values.out) ? readResults(values.out) : [];
  for (const row of chosen) {
    const all = contestants(row.task).filter(
      ({ name }) => values.only.length === 0 || values.only.some((text) => name.includes(text)),
    );
    const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
    await measureRow(python, row, all, rounds, seconds, (contestant, figures) => {
      const result = { row: row.name, contestant, figures };
      results.push(result);
      if (values.out) appendFileSync(values.out, `${JSON.stringify(result)}\n`);
    });
    if (!values.json) console.log(table(row, figuresOf(results, row), peaks));
  }
  if (values.json) {
    const ofRows = chosen.map((row) => [row.name, figuresOf(results, row)] as const);
    console.log(JSON.stringify(Object.fromEntries(ofRows), null, 1));
  }
}

function readResults(path: string): Result[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Result);
}

/** By contestant. */
function figuresOf(results: readonly Result[], row: Row): Record<string, Figures[]> {
  const found: Record<string, Figures[]> = {};
  for (const { contestant, figures } of results.filter((one) => one.row === row.name)) {
    (found[contestant] ??= []).push(figures);
  }
  return found;
}

/** Takes each contestant's rounds in turn, and hands on the figures of those that can do the task. */
export async function measureRow(
  python: string,
  row: Row,
  all: readonly Contestant[],
  rounds: number,
  seconds: number,
  onFigures: (contestant: string, figures: Figures) => void,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of all) {
      const one = await run(python, row, contestant, seconds);
      if (one) onFigures(contestant.name, one);
      console.error(progressLine(row, round, contestant, one));
    }
  }
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
  // A command that is not there can't do the task either.
  const exited = once(child, 'exit').catch(() => undefined);
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
