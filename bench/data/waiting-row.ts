/** How long the trainer waits for its records, its shards in S3 and none of them local: epochs of full steps at 32 px. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { configSchema } from '../../contract/config.ts';
import { planTraining } from '../../contract/plan.ts';
import { fromScratch } from '../../contract/weights.ts';
import { startTrainer } from '../../model/trainer-client.ts';
import { openCache } from '../../storage/cache.ts';
import type { FileCache } from '../../storage/cache.ts';
import { spread, spreadText } from '../statistics.ts';
import type { Row } from './row.ts';
import { openBenchStore, writeShards } from './stored-sets.ts';

/** Of CIFAR-10, as many as are trained on. */
const set = { size: 32, images: 36_000, shardBytes: 8 * 2 ** 20 };
const never = 1e9;

export const waitingRow: Row = {
  name: 'waiting',
  about: 'share of training spent waiting for records, epochs of 36,000 images of 32 px',
  async measure({ rounds }) {
    const opened = await openBenchStore();
    const { store, folder } = opened;
    let cache: FileCache | undefined;
    const { model, training, seed } = configSchema.parse({
      training: { epochs: rounds + 1, batchSize: 128 },
    });
    const shards = await writeShards(opened, set);
    const trainer = await startTrainer(
      new URL('../../workers/trainer.ts', import.meta.url),
      { model, training, classes: 1000, conventions: fromScratch },
      (file, signal) => cache!.fetch(file, store, { signal }),
    );
    const plan = planTraining(set.images, training);
    const epoch = async (number: number): Promise<Epoch> => {
      const directory = await mkdtemp(join(folder, 'cache-'));
      cache = await openCache({ directory, maxBytes: 2 ** 40 });
      const [fromStep, toStep] = [number, number + 1].map((at) => at * plan.stepsPerEpoch);
      const request = {
        ...{ plan, training, timeline: [], seed, fromStep: fromStep!, toStep: toStep! },
        ...{
          seconds: never,
          saveEverySeconds: never,
          saveAt: [],
          statePrefix: join(folder, 'state'),
        },
        ...{ records: 'images' as const, shards },
      };
      const answer = await trainer.ask({ type: 'advance', request });
      if (answer.type !== 'advanced') throw new Error(`unexpected answer '${answer.type}'`);
      await rm(directory, { recursive: true });
      const { images, seconds, waitSeconds } = answer;
      const said = `${(images / seconds).toFixed(0)} images/s, waited ${waitSeconds.toFixed(3)} s`;
      console.error(`epoch ${number + 1}: ${said} of ${seconds.toFixed(1)} s`);
      return { imagesPerSecond: images / seconds, share: waitSeconds / seconds };
    };
    try {
      await trainer.ask({ type: 'load', source: { kind: 'initial', seed } });
      const figures: Epoch[] = [];
      for (let round = 0; round < rounds; round += 1) figures.push(await epoch(round));
      const of = (pick: (one: Epoch) => number, digits: number): string =>
        spreadText(spread(figures.map(pick)), digits);
      const table = `| n = ${rounds} epochs | |
|---|---|
| images/s | ${of(({ imagesPerSecond }) => imagesPerSecond, 0)} |
| waiting, % of training | ${of(({ share }) => 100 * share, 2)} |`;
      return { table, figures };
    } finally {
      trainer.kill();
      await opened.stop();
    }
  },
};

interface Epoch {
  readonly imagesPerSecond: number;
  readonly share: number;
}
