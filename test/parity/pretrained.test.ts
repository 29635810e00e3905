/** Weights' files that Keras itself wrote, in both of its layouts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { peersPython } from '../../bench/peers.mjs';
import { backboneOf, checkPretrained, loadPretrained } from '../../model/pretrained.ts';
import type { Program } from '../../model/program.ts';
import { architectures } from '../../model/resnet50.ts';

const script = new URL('./weights.py', import.meta.url).pathname;
const python = await peersPython();
const folder = mkdtempSync(join(tmpdir(), 'nightshift-weights-'));
after(() => rmSync(folder, { recursive: true }));

for (const architecture of ['resnet50v2', 'resnet50'] as const) {
  const own = join(folder, architecture);
  mkdirSync(own);
  const said = execFileSync(python, [script, architecture, own], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const expected = JSON.parse(said.toString()) as Record<string, string>;
  for (const file of ['old.h5', 'new.weights.h5']) {
    test(`${architecture}, ${file}: every variable, to the bit`, async () => {
      const got: Record<string, string> = {};
      const assign = (values: ReadonlyMap<string, Float32Array>): void => {
        for (const [name, value] of values) {
          const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
          got[name] = createHash('sha256').update(bytes).digest('hex');
        }
      };
      const variables = backboneOf(architectures[architecture]);
      const path = join(own, file);
      await loadPretrained({ variables, assign } as unknown as Program, path);
      assert.deepEqual(got, expected);
      const { skipped } = await checkPretrained(architectures[architecture], path);
      assert.deepEqual(skipped, []);
    });
  }
}
