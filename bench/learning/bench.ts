/** Whether training learns as much as Keras's does, and in bfloat16 as much as in float32: paired by seed. */
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { peersPython } from '../peers.mjs';
import { meanInterval, spread } from '../statistics.ts';
import { readImages, writeJob } from './job.ts';

const arms = ['Nightshift, float32', 'Keras, float32', 'Nightshift, bfloat16'] as const;
type Arm = (typeof arms)[number];

/** The second is measured against the first. */
const comparisons = [
  ['Keras, float32', 'Nightshift, float32'],
  ['Nightshift, float32', 'Nightshift, bfloat16'],
] as const satisfies [Arm, Arm][];

interface Outcome {
  /** Of the validation images, after the last step; in [0, 1]. */
  readonly accuracy: number;
  /** Of the first step, before it: equal where weights and images are. */
  readonly firstLoss: number;
}

type SeedResult = { readonly seed: number } & Readonly<Record<Arm, Outcome>>;

const usage = `npm run bench -- learning [options]
  --archive <path>   an archive in CIFAR's binary layout with 10,000 images
  --seeds <n>        seeds 1 to n (default 10)
  --out <path>       results, a seed a line; seeds that it has already are not run again
  --json             the outcome of every seed`;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      archive: { type: 'string', default: '../shared/data/cifar10-10k/cifar-10-binary.tar.gz' },
      seeds: { type: 'string', default: '10' },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || !existsSync(values.archive)) {
    console.log(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const python = await peersPython();
  const images = await readImages(values.archive);
  const results = values.out && existsSync(values.out) ? readResults(values.out) : [];
  for (let seed = 1; seed <= Number(values.seeds); seed += 1) {
    if (results.some((one) => one.seed === seed)) continue;
    const folder = mkdtempSync(join(tmpdir(), 'nightshift-learning-'));
    try {
      writeJob(folder, seed, images);
      const result = await runSeed(python, folder, seed);
      results.push(result);
      if (values.out) appendFileSync(values.out, `${JSON.stringify(result)}\n`);
      console.error(
        `seed ${seed}: ${arms.map((arm) => `${arm} ${percent(result[arm].accuracy)}`).join('; ')}`,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  console.log(values.json ? JSON.stringify(results, null, 1) : table(results));
}

function readResults(path: string): SeedResult[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as SeedResult);
}

/** Each in a process of its own; ours in float32 first, as it leaves the initial weights in the folder. */
async function runSeed(python: string, folder: string, seed: number): Promise<SeedResult> {
  const ours = (precision: string): Promise<Outcome> => {
    const script = join(import.meta.dirname, 'ours.ts');
    return run(process.execPath, ['--import', 'tsx', script, folder, precision]);
  };
  return {
    seed,
    'Nightshift, float32': await ours('float32'),
    'Keras, float32': await run(python, [join(import.meta.dirname, 'keras_peer.py'), folder]),
    'Nightshift, bfloat16': await ours('bfloat16'),
  };
}

async function run(command: string, args: string[]): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(command, args);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Outcome;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function table(results: readonly SeedResult[]): string {
  const accuracies = arms.map((arm) => {
    const { mean } = meanInterval(results.map((one) => one[arm].accuracy));
    const { min, max } = spread(results.map((one) => one[arm].accuracy));
    return `| ${arm} | ${percent(mean)} (${percent(min)} to ${percent(max)}) |`;
  });
  const differences = comparisons.map(([base, arm]) => {
    const points = results.map((one) => 100 * (one[arm].accuracy - one[base].accuracy));
    const { mean, low, high } = meanInterval(points);
    const [at, from, to] = [mean, low, high].map((value) => value.toFixed(2));
    return `| ${arm} minus ${base} | ${at} (${from} to ${to}) |`;
  });
  const apart = results.map((one) =>
    Math.abs(one['Nightshift, float32'].firstLoss / one['Keras, float32'].firstLoss - 1),
  );
  return `
| n = ${results.length} | validation accuracy: mean (min to max) |
|---|---|
${accuracies.join('\n')}

| paired by seed, n = ${results.length} | mean difference, points (90 % interval) |
|---|---|
${differences.join('\n')}

The first step's losses, Nightshift's and Keras's in float32, differ by ${Math.max(...apart).toExponential(1)} of themselves at most.`;
}
