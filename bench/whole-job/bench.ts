/**
 * The whole pipeline, servers up, against the same job as one Keras script in memory: in turn, each
 * round with an empty bucket and new workers, so that nothing made before is found.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';

import { parseArgs, promisify } from 'node:util';
import type { RunResult } from '../../contract/progress.ts';
import { cpuQueue } from '../../contract/queues.ts';
import { startStack } from '../../test/support/stack.ts';
import type { TestStack } from '../../test/support/stack.ts';
import { peersPython } from '../peers.mjs';
import { spread, spreadText } from '../statistics.ts';

interface Round {
  readonly seconds: number;
  readonly peakMb: number;
  readonly idleShare?: number;
  readonly accuracy: number;
}

const usage = `npm run bench -- whole-job [options]
  --archive <path>   an archive in CIFAR's binary layout with at least 5,000 images
  --rounds <n>       rounds of each, in turn (default 5)
  --precision <p>    float32 (default) or bfloat16, for both
  --json             the figures of every round`;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      archive: { type: 'string', default: '../shared/data/cifar10-10k/cifar-10-binary.tar.gz' },
      rounds: { type: 'string', default: '5' },
      precision: { type: 'string', default: 'float32' },
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
  const rounds: { ours: Round; keras: Round }[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const ours = await runOurs(values.archive, values.precision);
    const keras = await runKeras(python, values.archive, values.precision);
    rounds.push({ ours, keras });
    if (!values.json) {
      console.log(
        `round ${round + 1}: Nightshift ${ours.seconds.toFixed(1)} s, Keras ${keras.seconds.toFixed(1)} s, load ${loadavg()[0]!.toFixed(1)}`,
      );
    }
  }
  if (values.json) console.log(JSON.stringify({ rounds }, null, 1));
  else report(rounds);
}

function report(rounds: readonly { ours: Round; keras: Round }[]): void {
  const of = (pick: (round: (typeof rounds)[number]) => number, digits = 1): string =>
    spreadText(spread(rounds.map(pick)), digits);
  console.log(`
| median (min to max), n = ${rounds.length} | Nightshift | Keras |
|---|---|---|
| whole job, s | ${of(({ ours }) => ours.seconds)} | ${of(({ keras }) => keras.seconds)} |
| ratio | ${of(({ ours, keras }) => ours.seconds / keras.seconds, 2)} | 1 |
| peak memory of the training process, MB | ${of(({ ours }) => ours.peakMb, 0)} | ${of(({ keras }) => keras.peakMb, 0)} |
| trainer idle, % of training | ${of(({ ours }) => 100 * ours.idleShare!)} | |
| test accuracy, % | ${of(({ ours }) => 100 * ours.accuracy)} | ${of(({ keras }) => 100 * keras.accuracy)} |`);
}

async function runOurs(source: string, precision: string): Promise<Round> {
  const stack = await startStack();
  try {
    const memory = watchMemory(stack);
    const startedAt = performance.now();
    const result = (await stack.client.workflow.execute('trainingPipeline', {
      workflowId: 'whole-job',
      taskQueue: cpuQueue,
      args: [
        {
          dataset: { source, limit: 5_000 },
          augment: {
            cropPadding: 4,
            flip: 0.5,
            rotationDegrees: 15,
            brightness: 0.2,
            contrast: 0.2,
            saturation: 0.2,
            hue: 0.02,
          },
          model: { batchNormMomentum: 0.99 },
          training: {
            epochs: 3,
            batchSize: 128,
            precision,
            learningRate: { schedule: 'constant', initial: 0.001 },
            validateEverySteps: 24,
            checkpointEverySteps: 24,
          },
        },
      ],
    })) as RunResult;
    const seconds = (performance.now() - startedAt) / 1000;
    const { idleShare, testAccuracy: accuracy } = result;
    return { seconds, peakMb: memory.stop(), idleShare, accuracy };
  } finally {
    await stack.stop();
  }
}

/** The trainer's peak resident memory, as the system counts it. */
function watchMemory(stack: TestStack): { stop(): number } {
  let peakKb = 0;
  const timer = setInterval(() => {
    for (const { pid } of stack.trainers()) {
      void readFile(`/proc/${pid}/status`, 'utf8').then(
        (status) => (peakKb = Math.max(peakKb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0))),
        () => undefined,
      );
    }
  }, 500);
  return {
    stop() {
      clearInterval(timer);
      return peakKb / 1024;
    },
  };
}

async function runKeras(python: string, archive: string, precision: string): Promise<Round> {
  const script = new URL('./keras_job.py', import.meta.url).pathname;
  const own = precision === 'bfloat16' ? 'mixed_bfloat16' : precision;
  const startedAt = performance.now();
  const { stdout } = await promisify(execFile)(python, [script, archive, '--precision', own]);
  const seconds = (performance.now() - startedAt) / 1000;
  const { peak_mb: peakMb, test_accuracy: accuracy } = JSON.parse(
    stdout.trim().split('\n').at(-1)!,
  ) as {
    peak_mb: number;
    test_accuracy: number;
  };
  return { seconds, peakMb, accuracy };
}
