/** What a data worker takes at most, while a run's shards of 224 px are written and augmented, by how many images it has. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunProgress } from '../../contract/progress.ts';
import { cpuQueue } from '../../contract/queues.ts';
import { startStack } from '../../test/support/stack.ts';
import type { Row } from './row.ts';

const limits = [1_000, 4_000, 10_000];

export const workerMemoryRow: Row = {
  name: 'memory',
  about: 'peak memory of a data worker, from download to augmented shards of 224 px',
  async measure({ archive = '../shared/data/cifar10-10k/cifar-10-binary.tar.gz' }) {
    if (!existsSync(archive)) throw new Error(`${archive}: not there; give one by --archive`);
    const figures: { limit: number; peakMb: number }[] = [];
    for (const limit of limits) {
      const peakMb = await peakOfRun(resolve(archive), limit);
      figures.push({ limit, peakMb });
      console.error(`${limit} images: ${peakMb.toFixed(0)} MB`);
    }
    const lines = figures.map(({ limit, peakMb }) => `| ${limit} | ${peakMb.toFixed(0)} |`);
    return { table: `| images | peak MB |\n|---|---|\n${lines.join('\n')}`, figures };
  },
};

/** Up to the first epoch's training: its shards are made then. */
async function peakOfRun(source: string, limit: number): Promise<number> {
  const stack = await startStack();
  try {
    const run = await stack.client.workflow.start('trainingPipeline', {
      workflowId: 'memory',
      taskQueue: cpuQueue,
      args: [
        {
          dataset: { source, limit },
          model: { imageSize: 224 },
          training: { epochs: 2, batchSize: 16 },
        },
      ],
    });
    while (!(await run.query<RunProgress>('progress')).training) await sleep(1_000);
    const { pid } = stack.process('cpu')!;
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  } finally {
    await stack.stop();
  }
}
