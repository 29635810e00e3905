/** One process's part: `parity <precision>` against Keras's figures, or `digest <precision> <folder>`: a trained state. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gpuName } from '../../model/hardware.ts';
import { usesGpu } from '../../model/graph/session.ts';
import { goldenOf, goldenPath, goldenSettings } from '../../test/support/golden.ts';
import type { Golden } from '../../test/support/golden.ts';
import { measure, openReferenceTraining } from '../../test/support/reference-training.ts';

const [what, precision, folder] = process.argv.slice(2) as [
  'parity' | 'digest',
  'float32' | 'bfloat16',
  string,
];
const { batchSize, ...settings } = goldenSettings;
const training = openReferenceTraining(settings, batchSize, precision);
const measured = measure(training);
if (what === 'digest') training.program.save(join(folder, 'state'));
else {
  const golden = JSON.parse(readFileSync(goldenPath, 'utf8')) as Golden;
  const got = goldenOf(training.program, (name) => measured.get(name)!);
  console.log(
    JSON.stringify({
      device: usesGpu ? gpuName() : 'cpu',
      'probabilities, largest difference': furthest(got, golden, 'probabilities'),
      'losses, largest difference': furthest(got, golden, 'losses'),
      'values after five steps, largest relative difference of mean sizes': Math.max(
        ...Object.keys(golden)
          .filter((name) => name.startsWith('value/'))
          .map((name) => {
            const expected = golden[name] as number;
            return Math.abs((got[name] as number) - expected) / Math.max(expected, 1e-3);
          }),
      ),
    }),
  );
}

function furthest(got: Golden, golden: Golden, name: string): number {
  const expected = golden[name] as number[];
  return Math.max(
    ...(got[name] as number[]).map((value, index) => Math.abs(value - expected[index]!)),
  );
}
