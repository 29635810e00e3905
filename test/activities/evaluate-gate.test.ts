/** The gate on sealed predictions: paired by image, however their shards are cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluateGate } from '../../activities/evaluate-gate.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { shardSetManifestSchema } from '../../contract/manifests.ts';
import { commitManifest, writeData } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { testStep } from '../support/data-services.ts';

const store = openMemoryStore();

/** Predictions of so many files; a row is an image's id, its label and what it was taken for. */
async function sealed(
  digit: string,
  ...files: (readonly [string, string, string])[][]
): Promise<string> {
  const digest = digit.repeat(64);
  const written = await writeData(
    store,
    `stages/${digest}/data/a/`,
    files.map((rows, index) => ({
      name: `predictions-0000${index}.jsonl`,
      bytes: Buffer.from(
        rows
          .map(
            ([id, label, predicted]) =>
              `${JSON.stringify({ id, label, predicted, probabilities: [] })}\n`,
          )
          .join(''),
      ),
    })),
  );
  await commitManifest(store, stageManifestKey(digest), shardSetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'shards', attempt: 'a', operation: 'test', digest },
    ...{ inputs: [], parameters: {}, classes: ['cat', 'dog'], samples: 4, files: written },
    shards: written.map((file) => ({ ...file, samples: 2, labelCounts: [1, 1] })),
  });
  return digest;
}

const limits = { minAccuracy: 0, margin: 0.25, level: 0, classFloor: 0 };

test('images are paired by their ids', async () => {
  const [a, b, c, d] = [
    ['a', 'cat', 'cat'],
    ['b', 'cat', 'dog'],
    ['c', 'dog', 'dog'],
    ['d', 'dog', 'cat'],
  ] as const;
  const candidate = await sealed('1', [a, b, c, d]);
  const champion = await sealed('2', [d, ['c', 'dog', 'cat']], [['b', 'cat', 'cat'], a]);
  const { rules, passed } = await evaluateGate(
    { store },
    { limits, candidate, champion: { predictions: champion } },
    testStep(),
  );
  assert.equal(passed, true);
  const mcnemar = rules.find(({ rule }) => rule === 'McNemar')!;
  assert.match(mcnemar.text, /^1 images only the champion recognises, 1 only the candidate/);
});

test('predictions of other images are no measure', async () => {
  const candidate = await sealed('3', [['a', 'cat', 'cat']]);
  const champion = await sealed('4', [['z', 'cat', 'cat']]);
  await assert.rejects(
    evaluateGate({ store }, { limits, candidate, champion: { predictions: champion } }, testStep()),
    /lack image a/,
  );
});
