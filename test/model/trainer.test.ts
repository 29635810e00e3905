/** The training loop, with a program that does as it is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Program } from '../../model/program.ts';
import { openRecord, saveRecord } from '../../model/trainer.ts';

test('weights that are no numbers are not saved, and the step, the rate and the first of them are named', () => {
  const program = {
    unsound: () => ['conv1_conv/kernel', 'conv1_conv/bias', 'head/kernel'],
    save: () => assert.fail('it is no state to go on from'),
  } as Partial<Program> as Program;
  const record = { ...openRecord(5), losses: [2, 2.25], ids: ['a', 'b'], learningRate: 0.5 };
  assert.throws(() => saveRecord(program, record, '/nowhere/state'), {
    name: 'Diverged',
    message:
      'step 7: NaN or an infinity in conv1_conv/kernel and 2 other variables (the loss before was 2.25) at learning rate 0.5; use a lower training.learningRate.initial, or a warm-up',
  });
});
