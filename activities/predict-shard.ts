/** Predicts the images of one shard with the weights of a checkpoint or of a version: JSON Lines, a row an image. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartInput, Predictions } from '../contract/stages.ts';
import { weightsOf } from '../model/model-versions.ts';
import type { Step } from './durable.ts';
import { withLocalShard } from './local-shards.ts';
import type { ModelServices } from './services.ts';
import { makePart, readShardSet } from './stages.ts';
import { programFor, untilStopped } from './trainer-host.ts';
import type { WarmTrainer } from './trainer-host.ts';

export async function predictShard(
  services: ModelServices,
  input: PartInput<Predictions>,
  step: Step,
): Promise<void> {
  const { stage, part } = input;
  const { config, classes, conventions } = stage;
  const program = programFor(config, classes.length, conventions);
  await makePart(services.store, input, step, async () => {
    const directory = await mkdtemp(join(services.scratch, 'predict-'));
    try {
      const rows = join(directory, 'rows.jsonl');
      const { shards } = await readShardSet(services.store, stage.base);
      await services.trainer.use(program, step.signal, async (trainer) => {
        await loadWeights(services, stage, trainer, directory, step.signal);
        await withLocalShard(services, stage.base, part, step.signal, (shard) =>
          untilStopped(trainer, step.signal, () =>
            trainer.client.ask({
              type: 'evaluate',
              shards: [shard],
              records: 'images',
              rows: { path: rows, classes: stage.classes },
            }),
          ),
        );
      });
      const { samples, labelCounts } = shards[part]!;
      const name = `predictions-${String(part).padStart(5, '0')}.jsonl`;
      return { name, bytes: await readFile(rows), samples, labelCounts };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

async function loadWeights(
  { store }: ModelServices,
  { checkpoint }: Predictions,
  trainer: WarmTrainer,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const weights = await weightsOf(store, checkpoint);
  const stateKey = `weights ${weights.digest}`;
  if (trainer.stateKey === stateKey) return;
  await trainer.leave?.();
  trainer.leave = undefined;
  const prefix = await weights.fetch(directory, { signal });
  await trainer.client.ask({ type: 'load', source: { kind: 'weights', prefix } });
  trainer.stateKey = stateKey;
}
