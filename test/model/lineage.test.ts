import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrainingInputs } from '../../contract/stages.ts';
import type { Decision, Numerics } from '../../contract/timeline.ts';
import { lineageAt, lineageChain } from '../../model/lineage.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const numerics: Numerics = {
  graph: 'a'.repeat(64),
  tensorflow: '2.21.0',
  device: 'cpu',
  instructions: 'avx512-bf16',
  threads: 2,
  precision: 'float32',
};
const inputs: TrainingInputs = trainingInputs();
const begin: Decision = { fromStep: 0, numerics };
const slower: Decision = { fromStep: 100, learningRateFactor: 0.1 };

test('a run without later decisions has one lineage for all its steps', () => {
  assert.equal(lineageChain(inputs, [begin]).length, 1);
  assert.equal(lineageAt(inputs, [begin], 1), lineageAt(inputs, [begin], 1_000_000));
});

test('a decision changes the lineage of the states after it, and of none before', () => {
  const timeline = [begin, slower];
  assert.equal(lineageAt(inputs, timeline, 100), lineageAt(inputs, [begin], 100));
  assert.notEqual(lineageAt(inputs, timeline, 101), lineageAt(inputs, [begin], 101));
});

test('the chain covers every step once, oldest first', () => {
  const chain = lineageChain(inputs, [begin, slower, { fromStep: 100, learningRateFactor: 0.5 }]);
  assert.deepEqual(
    chain.map(({ afterStep, upToStep }) => [afterStep, upToStep]),
    [
      [0, 100],
      [100, Number.MAX_SAFE_INTEGER],
    ],
  );
});

test('a decision that another one overrides at the same step still marks the lineage', () => {
  const faster: Decision = { fromStep: 100, learningRateFactor: 10 };
  assert.notEqual(
    lineageAt(inputs, [begin, slower, faster], 101),
    lineageAt(inputs, [begin, faster], 101),
  );
});

test('other numerics, another configuration or another split are another lineage', () => {
  const here = lineageAt(inputs, [begin], 1);
  const elsewhere: Decision = { fromStep: 0, numerics: { ...numerics, threads: 4 } };
  assert.notEqual(lineageAt(inputs, [elsewhere], 1), here);
  assert.notEqual(lineageAt(trainingInputs({ seed: 1 }), [begin], 1), here);
  assert.notEqual(lineageAt({ ...inputs, split: 'b'.repeat(64) }, [begin], 1), here);
});

test('the initial state has no lineage: nothing is stored of it', () => {
  assert.throws(() => lineageAt(inputs, [begin], 0), /step 0: no decision holds there/);
});
