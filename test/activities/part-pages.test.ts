/** Several parts of a stage in one activity. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eachPart } from '../../activities/part-pages.ts';
import { makePart } from '../../activities/stages.ts';
import { augmentedShards } from '../../contract/stages.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { testStep } from '../support/data-services.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const stage = augmentedShards(trainingInputs(), 0);
const page = { stage, digest: '1'.repeat(64), part: 10, parts: 4 };

test('an attempt makes the parts of a page that the one before it, which was killed, did not', async () => {
  const store = openMemoryStore();
  const made: number[] = [];
  const reported: unknown[] = [];
  const attempt = (diesAt: number): Promise<void> => {
    const step = { ...testStep(), report: (details: unknown) => void reported.push(details) };
    return eachPart(page, step, (input) =>
      makePart(store, input, step, async () => {
        if (input.part === diesAt) throw new Error('killed');
        made.push(input.part);
        const bytes = Buffer.from([input.part]);
        return { name: `part-${input.part}`, bytes, samples: 1, labelCounts: [1] };
      }),
    );
  };
  await assert.rejects(attempt(12), { message: 'killed' });
  await attempt(-1);
  assert.deepEqual(made, [10, 11, 12, 13]);
  assert.deepEqual(reported.slice(0, 3), [
    { part: 1, of: 4 },
    { part: 2, of: 4 },
    { part: 3, of: 4 },
  ]);
});

test('an attempt that is told to stop begins no other part', async () => {
  const stopped = new AbortController();
  const made: number[] = [];
  const work = eachPart(page, testStep(stopped.signal), async ({ part }) => {
    made.push(part);
    if (part === 11) stopped.abort(new Error('stopped'));
  });
  await assert.rejects(work, { message: 'stopped' });
  assert.deepEqual(made, [10, 11]);
});
