/** What a segment says while it trains: above all, that nothing becomes durable any more. */
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heartbeatOf } from '../../activities/train-heartbeat.ts';
import type { HeartbeatSource } from '../../activities/train-heartbeat.ts';
import { openUploads } from '../../activities/uploads.ts';
import type { TrainHeartbeat } from '../../contract/progress.ts';
import type { TrainerEvent } from '../../model/trainer-client.ts';
import { checkpointAt } from '../../model/checkpoint.ts';
import { testStep } from '../support/data-services.ts';
import { noMetrics } from '../support/no-metrics.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const step = { step: 7, loss: 2, learningRate: 0.1, imagesPerSecond: 100 };
const trained: TrainerEvent = { type: 'step', ...step };

const inputs = trainingInputs();
const timeline = [{ fromStep: 0, numerics }];
const onTheWay = checkpointAt(inputs, timeline, 5);

/**
 * The beats that follow on these ages of the newest checkpoint, `everyMs` one after the other; it
 * should be 10 s old at most.
 */
function beatsAt(ages: number[], newest = onTheWay, everyMs = 1_000): Promise<TrainHeartbeat[]> {
  // The log and the metrics need an activity's context.
  return new MockActivityEnvironment().run(async () => {
    const beats: TrainHeartbeat[] = [];
    let ageSeconds = 0;
    let now = 0;
    const source: HeartbeatSource = {
      metrics: noMetrics,
      step: { ...testStep(), report: (details) => beats.push(details as TrainHeartbeat) },
      uploads: {
        ...openUploads(),
        durable: () => ({ ...newest, at: 1_000 }),
        ageSeconds: () => ageSeconds,
      },
      input: {
        ...{ inputs, timeline, validations: [] },
        ...{ best: [], reachedStep: 4, seenStep: 4, toStep: 10 },
      },
      begin: { step: 4, warm: false, loadedStep: 4 },
      intervalSeconds: () => 10,
      trainerSeconds: () => 60,
    };
    const beat = heartbeatOf(source, () => (now += everyMs));
    for (ageSeconds of ages) beat(trained);
    return beats;
  });
}

test('a beat says the step, the rates, the newest checkpoint, and how long a trainer was held', async () => {
  assert.deepEqual(await beatsAt([0]), [
    {
      ...step,
      phase: 'training',
      durableStep: 5,
      durableAt: 1_000,
      trainerSeconds: 60,
    },
  ]);
});

test('steps that follow fast are told twice a second', async () => {
  assert.equal((await beatsAt(Array(20).fill(0), onTheWay, 100)).length, 4);
});

test('a checkpoint of a way that a reset has left is not the newest one, nor is one further on', async () => {
  const others = [
    { ...onTheWay, lineage: 'abandoned' },
    checkpointAt(inputs, timeline, step.step + 1),
  ];
  for (const other of others) {
    const [beat] = await beatsAt([0], other);
    assert.deepEqual([beat!.durableStep, beat!.durableAt], [4, undefined]);
  }
});

test('an alarm goes up when the newest checkpoint is older than three intervals, and down again', async () => {
  const alarms = (await beatsAt([29, 31, 40, 2])).map(({ alarm }) => alarm);
  assert.deepEqual(alarms, [
    undefined,
    'no checkpoint has become durable for 31 s, expected every 10 s: is the store there?',
    'no checkpoint has become durable for 40 s, expected every 10 s: is the store there?',
    undefined,
  ]);
});
