/** A short training against the figures that Keras gave for it; `npm run test:parity` has them made anew. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { goldenOf, goldenPath, goldenSettings } from '../support/golden.ts';
import type { Golden } from '../support/golden.ts';
import { measure, openReferenceTraining } from '../support/reference-training.ts';

test('five steps of ResNet-50 V2 come to what Keras comes to', () => {
  const { batchSize, ...settings } = goldenSettings;
  const training = openReferenceTraining(settings, batchSize);
  const measured = measure(training);
  const golden = JSON.parse(readFileSync(goldenPath, 'utf8')) as Golden;
  const got = goldenOf(training.program, (name) => measured.get(name)!);
  training.program.close();
  assert.deepEqual(Object.keys(got).toSorted(), Object.keys(golden).toSorted());
  for (const [name, expected] of Object.entries(golden)) {
    const floor = Array.isArray(expected) ? 1e-6 : 1e-3;
    for (const [index, value] of [expected].flat().entries()) {
      const error =
        Math.abs([got[name]!].flat()[index]! - value) / Math.max(Math.abs(value), floor);
      assert.ok(error < 1e-3, `${name}[${index}]: relative error ${error.toExponential(2)}`);
    }
  }
});
