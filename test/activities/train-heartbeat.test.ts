/** What a segment says while it trains: above all, that nothing becomes durable any more. */
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heartbeatOf } from '../../activities/train-heartbeat.ts';
import { openUploads } from '../../activities/uploads.ts';
import type { TrainHeartbeat } from '../../contract/progress.ts';
import type { TrainerEvent } from '../../model/trainer-client.ts';
import { testStep } from '../support/data-services.ts';

const step = { step: 7, loss: 2, learningRate: 0.1, imagesPerSecond: 100 };
const trained: TrainerEvent = { type: 'step', ...step };

/** The beats that follow on these ages of the newest checkpoint; it should be 10 s old at most. */
function beatsAt(ages: number[]): Promise<TrainHeartbeat[]> {
  // The log and the metrics need an activity's context.
  return new MockActivityEnvironment().run(async () => {
    const beats: TrainHeartbeat[] = [];
    let ageSeconds = 0;
    const beat = heartbeatOf({
      step: { ...testStep(), report: (details) => beats.push(details as TrainHeartbeat) },
      uploads: {
        ...openUploads(),
        durable: () => ({ lineage: 'lineage', step: 5, at: 1_000 }),
        ageSeconds: () => ageSeconds,
      },
      run: 'run',
      beginStep: 4,
      intervalSeconds: () => 10,
    });
    for (ageSeconds of ages) beat(trained);
    return beats;
  });
}

test('a beat says the step, the rates and the newest checkpoint', async () => {
  assert.deepEqual(await beatsAt([0]), [
    {
      ...step,
      phase: 'training',
      durableStep: 5,
      durableAt: 1_000,
    },
  ]);
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
