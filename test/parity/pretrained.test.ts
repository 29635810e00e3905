/** Weights that Keras and TensorFlow themselves wrote: files of Keras's in both layouts, SavedModels as TF-Hub has them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { peersPython } from '../../bench/peers.mjs';
import { configSchema } from '../../contract/config.ts';
import { conventionsOfFile, takePretrained } from '../../model/pretrained.ts';
import type { PretrainedReport, WeightsFile } from '../../model/pretrained.ts';
import { architectureOf, openProgram } from '../../model/program.ts';
import { architectureNamed } from '../../model/resnet50.ts';
import { readTensors } from '../../model/safetensors.ts';

const python = await peersPython();
const folder = mkdtempSync(join(tmpdir(), 'nightshift-weights-'));
after(() => rmSync(folder, { recursive: true }));
const target = join(folder, 'weights.safetensors');

/** What a script says, as JSON. */
function ask(script: string, ...args: string[]): unknown {
  const path = new URL(`./${script}`, import.meta.url).pathname;
  const said = execFileSync(python, [path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1e8,
  });
  return JSON.parse(said.toString());
}

/** What `slim.py` prints. */
interface Module {
  readonly images: string;
  readonly logits: readonly (readonly number[])[];
}

type Named = 'resnet50v2' | 'resnet50';

function take(
  architecture: Named,
  file: WeightsFile & { readonly kind: 'keras' | 'saved-model' },
  classes: number,
): Promise<PretrainedReport> {
  const { topology } = conventionsOfFile(file.kind, architecture);
  const network = {
    architecture: architectureNamed(architecture, topology),
    stem: 'imagenet',
    classes,
  } as const;
  return takePretrained(network, file, target);
}

for (const architecture of ['resnet50v2', 'resnet50'] as const) {
  const own = join(folder, architecture);
  mkdirSync(own);
  const expected = ask('weights.py', architecture, own) as Record<string, string>;
  for (const file of ['old.h5', 'new.weights.h5']) {
    test(`${architecture}, ${file}: every variable, to the bit`, async () => {
      const { skipped } = await take(architecture, { kind: 'keras', path: join(own, file) }, 10);
      assert.deepEqual(skipped, []);
      const got: Record<string, string> = {};
      for (const [name, { buffer, byteOffset, byteLength }] of readTensors(target)) {
        const bytes = new Uint8Array(buffer, byteOffset, byteLength);
        got[name] = createHash('sha256').update(bytes).digest('hex');
      }
      assert.deepEqual(got, expected);
    });
  }
}

for (const [version, architecture] of [
  ['v2', 'resnet50v2'],
  ['v1', 'resnet50'],
] as const) {
  const own = join(folder, version);
  mkdirSync(own);
  const module = ask('slim.py', version, own) as Module;
  const classes = module.logits[0]!.length;
  for (const layout of ['tf1', 'tf2']) {
    test(`TF-Hub's ResNet ${version}, ${layout}: the logits are the module's own`, async (t) => {
      const path = join(own, layout, 'variables/variables');
      const { skipped, fresh } = await take(architecture, { kind: 'saved-model', path }, classes);
      assert.deepEqual([skipped, fresh], [[], []]);
      const { model, training } = configSchema.parse({ model: { architecture, imageSize: 64 } });
      const { topology, pixels } = conventionsOfFile('saved-model', architecture);
      const program = openProgram({
        model,
        architecture: architectureOf(model, topology),
        step: training,
        classes,
        compute: 'float32',
        pretrained: true,
        scaling: pixels,
      });
      program.initialize(1);
      program.assign(readTensors(target));
      const labels = new Int32Array(module.logits.length);
      const images = Buffer.from(module.images, 'hex');
      const { probabilities } = program.evaluate({ images, labels });
      program.close();
      const got = module.logits.map((_, row) =>
        centred([...probabilities.subarray(row * classes, (row + 1) * classes)].map(Math.log)),
      );
      const error = relativeError(got.flat(), module.logits.flatMap(centred));
      t.diagnostic(`relative error ${error.toExponential(1)}`);
      assert.ok(error < 1e-4);
    });
  }
}

/** Logits are known up to what softmax takes no note of. */
function centred(logits: readonly number[]): number[] {
  const mean = logits.reduce((sum, one) => sum + one, 0) / logits.length;
  return logits.map((one) => one - mean);
}

function relativeError(got: readonly number[], expected: readonly number[]): number {
  const norm = (values: readonly number[]): number => Math.hypot(...values);
  return norm(got.map((one, index) => one - expected[index]!)) / norm(expected);
}
