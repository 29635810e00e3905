/** That an activity which is cancelled asks the store for nothing more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveConfig } from '../../activities/resolve-config.ts';
import { makePart } from '../../activities/stages.ts';
import { augmentedShards } from '../../contract/stages.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { testStep } from '../support/data-services.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const reason = new Error('the run is cancelled');
const step = testStep(AbortSignal.abort(reason));
const store = openMemoryStore();

test('a cancelled run looks for no other run to go on from', async () => {
  await assert.rejects(resolveConfig({ store }, { resumeFrom: 'nightly' }, step), reason);
});

test('of a cancelled run no part is made', async () => {
  const input = { stage: augmentedShards(trainingInputs(), 0), digest: '1'.repeat(64), part: 0 };
  let made = false;
  const make = async () => {
    made = true;
    return { name: 'part', bytes: new Uint8Array(), samples: 0, labelCounts: [] };
  };
  await assert.rejects(makePart(store, input, step, make), reason);
  assert.equal(made, false);
});
