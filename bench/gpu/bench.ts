/** What a GPU must show: Keras's figures, the same bits twice, and its speed beside PyTorch. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { trainerEnvironment } from '../../model/trainer-environment.ts';
import { measureRow } from '../engine/bench.ts';
import type { Contestant } from '../engine/spec.ts';
import type { Figures } from '../engine/table.ts';

const usage = `bench/gpu.sh [options]
  --python <path>   an interpreter with PyTorch (default python3)
  --batch <n>       images a step at 224 px (default 256 on a GPU, 8 without)
  --seconds <s>     steps are measured for this long (default 20), in three rounds; in one without a GPU
  --json`;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string', default: 'python3' },
      batch: { type: 'string' },
      seconds: { type: 'string', default: '20' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const parity = Object.fromEntries(
    (['float32', 'bfloat16'] as const).map((precision) => [precision, run('parity', precision)]),
  );
  const { device } = JSON.parse(parity['float32']!) as { device: string };
  const digests = [run('digest', 'bfloat16'), run('digest', 'bfloat16')];
  const batch = Number(values.batch ?? (device === 'cpu' ? 8 : 256));
  const row = { name: 'train-224', task: 'train', size: 224, batch } as const;
  const speed: Record<string, Figures[]> = {};
  const seconds = Number(values.seconds);
  const rounds = device === 'cpu' ? 1 : 3;
  await measureRow(values.python, row, contestants, rounds, seconds, (contestant, figures) => {
    (speed[contestant] ??= []).push(figures);
  });
  const failed = contestants.map(({ name }) => name).filter((name) => !speed[name]);
  const result = {
    device,
    parity: Object.fromEntries(
      Object.entries(parity).map(([precision, said]) => [precision, JSON.parse(said) as unknown]),
    ),
    sameBitsTwice: digests[0] === digests[1],
    speed,
    notMeasured: [
      ...(device === 'cpu' ? ["a GPU's parity, bits and speed: TensorFlow sees none"] : []),
      ...failed.map((name) => `${name}: it did not run to the end, here with ${values.python}`),
    ],
  };
  console.log(JSON.stringify(result, null, values.json ? 0 : 1));
  if (!result.sameBitsTwice) process.exitCode = 1;
}

const contestants: Contestant[] = [
  { name: 'Nightshift, bfloat16', script: 'ours.ts', precision: 'bfloat16', variant: '' },
  { name: 'PyTorch, bfloat16', script: 'torch_peer.py', precision: 'bfloat16', variant: '' },
  {
    name: 'PyTorch compile, bfloat16',
    script: 'torch_peer.py',
    precision: 'bfloat16',
    variant: 'compile',
  },
];

/** Each in a process of its own, as the trainer's is. */
function run(what: 'parity' | 'digest', precision: 'float32' | 'bfloat16'): string {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-gpu-'));
  try {
    const script = join(import.meta.dirname, 'check.ts');
    const said = execFileSync(
      process.execPath,
      ['--import', 'tsx', script, what, precision, folder],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: trainerEnvironment(),
      },
    );
    if (what === 'parity') return said.trim().split('\n').at(-1)!;
    const bytes = readFileSync(join(folder, 'state.data-00000-of-00001'));
    return createHash('sha256').update(bytes).digest('hex');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
