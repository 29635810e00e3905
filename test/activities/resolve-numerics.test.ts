/** What a run computes with, asked before it trains. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveNumerics } from '../../activities/resolve-numerics.ts';
import { programOf } from '../../activities/train-steps.ts';
import { fromScratch } from '../../contract/weights.ts';
import type { ProgramRequest } from '../../model/trainer-messages.ts';
import { testStep } from '../support/data-services.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';
import { openFakeTrainer } from './fake-trainer.ts';

test('it is asked of the program that trains, mixing and all', async () => {
  const inputs = trainingInputs({ augment: { mixup: 0.2 } });
  const asked: ProgramRequest[] = [];
  const host = openFakeTrainer(numerics);
  const trainer: typeof host = {
    ...host,
    use: (program, signal, work) => {
      asked.push(program);
      return host.use(program, signal, work);
    },
  };
  const { config, classes } = inputs;
  const request = { config, classes, conventions: fromScratch };
  assert.deepEqual(await resolveNumerics({ trainer }, request, testStep()), numerics);
  assert.deepEqual(asked, [programOf(inputs)]);
});
