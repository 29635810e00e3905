/**
 * Epochs of a head on kept features, as the trainer takes them: from shards on disk, checkpoints
 * written. Usage `epochs.ts <spec>`; prints how long the first one took, and each later one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '../../contract/config.ts';
import { fromScratch } from '../../contract/weights.ts';
import { planShards, planTraining, shardBytesIn } from '../../contract/plan.ts';
import { encodeShard } from '../../data/tfrecord.ts';
import { openTrainerSession } from '../../model/trainer-session.ts';
import type { LocalShard } from '../../model/trainer-messages.ts';

export interface EpochsSpec {
  readonly size: number;
  readonly images: number;
  readonly precision: 'float32' | 'bfloat16';
  readonly epochs: number;
}

export interface EpochsFigures {
  /** Features computed and written, then the head's steps and a checkpoint; with what the first session calls compile. */
  readonly firstSeconds: number;
  /** Steps and a checkpoint. */
  readonly laterSeconds: readonly number[];
}

const spec = JSON.parse(process.argv[2]!) as EpochsSpec;
const classes = 10;
const { seed, dataset, model, training } = configSchema.parse({
  model: { imageSize: spec.size, trainable: 'head' },
  training: { precision: spec.precision, epochs: spec.epochs },
});
const plan = planTraining(spec.images, training);
const folder = mkdtempSync(join(tmpdir(), 'nightshift-head-'));
const session = openTrainerSession(() => undefined);

try {
  const images = writeImages();
  await session.answer({
    type: 'program',
    request: { model, training, classes, conventions: fromScratch },
  });
  await session.answer({ type: 'load', source: { kind: 'initial', seed } });
  const features = images.map(({ path, samples }) => ({ path: `${path}.features`, samples }));
  const seconds: number[] = [];
  for (let epoch = 0; epoch < spec.epochs; epoch += 1) {
    const startedAt = performance.now();
    for (const [part, shard] of epoch === 0 ? images.entries() : []) {
      await session.answer({ type: 'extract', shard, path: features[part]!.path });
    }
    const [fromStep, toStep] = [epoch, epoch + 1].map((at) => at * plan.stepsPerEpoch);
    await session.answer({
      type: 'advance',
      request: {
        plan,
        training,
        timeline: [],
        seed,
        fromStep: fromStep!,
        toStep: toStep!,
        ...{ seconds: Infinity, saveEverySeconds: Infinity },
        shards: features,
        records: 'features',
        saveAt: [toStep!],
        statePrefix: join(folder, 'state'),
      },
    });
    seconds.push((performance.now() - startedAt) / 1000);
  }
  const [firstSeconds, ...laterSeconds] = seconds;
  console.log(JSON.stringify({ firstSeconds, laterSeconds }));
} finally {
  rmSync(folder, { recursive: true });
}
process.exit();

/** Shards as a run cuts them. */
function writeImages(): LocalShard[] {
  const bytes = spec.size ** 2 * 3;
  const shardBytes = shardBytesIn(spec.images * bytes, dataset.shardBytes);
  return planShards(spec.images, bytes, shardBytes).map(({ index, first, count }) => {
    const path = join(folder, `${index}.tfrecord`);
    const samples = Array.from({ length: count }, (_, record) => ({
      id: `made/${first + record}`,
      label: (first + record) % classes,
      image: Uint8Array.from({ length: bytes }, (__, at) => ((first + record + at) * 7919) % 251),
      height: spec.size,
      width: spec.size,
    }));
    writeFileSync(path, encodeShard(samples, classes).bytes);
    return { path, samples: count };
  });
}
