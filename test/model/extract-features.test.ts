/** Training of a head, from shards of images to its last bit. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import { planTraining, position } from '../../contract/plan.ts';
import { filesAt, openBatches } from '../../data/batches.ts';
import { encodeShard, openShard } from '../../data/tfrecord.ts';
import { bundleFiles, bundleName } from '../../model/checkpoint-files.ts';
import { extractFeatures, extractionBatchSize } from '../../model/extract-features.ts';
import { openProgram } from '../../model/program.ts';
import type { Program } from '../../model/program.ts';
import { recordBytes } from '../../model/records.ts';
import { tiny } from '../../model/resnet50.ts';
import { advance, openRecord } from '../../model/trainer.ts';
import type { LocalShard, RecordKind } from '../../model/trainer-messages.ts';
import { madeSamples } from '../data/support.ts';

const classes = 3;
const { model, training } = configSchema.parse({
  model: { trainable: 'head', dropout: 0.5 },
  training: { batchSize: 32, epochs: 3 },
});
const counts = [extractionBatchSize + 6, 50];
const plan = planTraining(counts[0]! + counts[1]!, training);

let folder: string;
let images: LocalShard[];
let program: Program;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'nightshift-features-'));
  images = counts.map((samples, part) => {
    const path = join(folder, `images-${part}`);
    writeFileSync(path, encodeShard(madeSamples(samples, 32, 1000 * part), classes).bytes);
    return { path, samples };
  });
  program = open();
});
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

function open(): Program {
  const opened = openProgram({
    model,
    architecture: tiny('v2'),
    step: training,
    classes,
    compute: 'float32',
    pretrained: false,
    scaling: 'zero-one',
  });
  opened.initialize(1);
  return opened;
}

/** The features of all images, as shards. */
async function extracted(by: Program, name: string): Promise<LocalShard[]> {
  const made: LocalShard[] = [];
  for (const [part, shard] of images.entries()) {
    const path = join(folder, `${name}-${part}`);
    await extractFeatures(by, classes, { shard, path });
    made.push({ path, samples: shard.samples });
  }
  return made;
}

/** Takes the steps `from` <= k < `to`; returns their losses. */
async function train(
  trained: Program,
  records: RecordKind,
  shards: readonly LocalShard[],
  from: number,
  to: number,
): Promise<number[]> {
  const losses: number[] = [];
  for (let fromStep = from; fromStep < to;) {
    const { epoch, sampleInEpoch } = position(plan, fromStep);
    const toStep = Math.min(to, (epoch + 1) * plan.stepsPerEpoch);
    const batches = openBatches(
      {
        shardSamples: shards.map(({ samples }) => samples),
        shuffle: { seed: 3, epoch },
        batchSize: plan.batchSize,
        fromPosition: sampleInEpoch,
        imageBytes: recordBytes(records, trained),
      },
      filesAt(shards.map(({ path }) => path)),
    );
    const statePrefix = join(folder, 'state');
    const where = { shards, records, saveAt: [], saveEverySeconds: 600, statePrefix };
    const request = { plan, training, timeline: [], seed: 3, fromStep, toStep, seconds: 600 };
    await advance(
      trained,
      batches,
      openRecord(fromStep),
      { ...request, ...where },
      {
        stop: new AbortController().signal,
        onStep: ({ loss }) => losses.push(loss),
        onSaved: () => undefined,
      },
    );
    batches.close();
    fromStep = toStep;
  }
  return losses;
}

/** The bytes of all its variables and slots. */
function state(of: Program, name: string): Buffer {
  of.save(join(folder, name));
  return readFileSync(join(folder, name + bundleFiles[1].slice(bundleName.length)));
}

test('features stand where their images stood, with their ids and labels', async () => {
  const made = await extracted(program, 'ordered');
  for (const [part, { path }] of made.entries()) {
    const [from, to] = [images[part]!.path, path].map((one) => openShard(readFileSync(one), one));
    assert.equal(to!.count, counts[part]);
    for (let record = 0; record < to!.count; record += 1) {
      const [image, features] = [from!.read(record), to!.read(record)];
      assert.deepEqual([features.id, features.label], [image.id, image.label]);
      assert.equal(features.image.length, 4 * program.featureCount);
    }
  }
  const last = openShard(readFileSync(made[1]!.path), 'last').read(49).image;
  const rest = images[1]!;
  const reader = openShard(readFileSync(rest.path), rest.path);
  const all = Buffer.concat(Array.from({ length: 50 }, (_, index) => reader.read(index).image));
  const expected = program.features({ images: all, labels: new Int32Array(50) });
  assert.deepEqual(
    Buffer.from(last),
    Buffer.from(expected.subarray(49 * program.featureCount).slice().buffer),
  );
});

test('training on features takes the losses of training on images, within rounding', async () => {
  const [onImages, onFeatures] = [open(), open()];
  const features = await extracted(onFeatures, 'compared');
  const expected = await train(onImages, 'images', images, 0, plan.steps);
  const losses = await train(onFeatures, 'features', features, 0, plan.steps);
  assert.equal(losses.length, plan.steps);
  for (const [step, loss] of losses.entries()) {
    assert.ok(Math.abs(loss - expected[step]!) < 1e-5, `step ${step}: ${loss}, ${expected[step]}`);
  }
  for (const one of [onImages, onFeatures]) one.close();
});

test('broken off in mid-epoch, with its features made again, it ends with the same bits', async () => {
  const undisturbed = open();
  const features = await extracted(undisturbed, 'undisturbed');
  const losses = await train(undisturbed, 'features', features, 0, plan.steps);

  const first = open();
  await train(first, 'features', await extracted(first, 'first'), 0, 6);
  first.save(join(folder, 'broken-off'));
  const second = open();
  second.restore(join(folder, 'broken-off'));
  const again = await extracted(second, 'second');
  assert.deepEqual(await train(second, 'features', again, 6, plan.steps), losses.slice(6));
  assert.deepEqual(state(second, 'second-end'), state(undisturbed, 'undisturbed-end'));
  for (const one of [undisturbed, first, second]) one.close();
});
