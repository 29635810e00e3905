/** What a trainer's end says of memory. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { configSchema } from '../../contract/config.ts';
import { failureTypeOf } from '../../contract/failures.ts';
import { fromScratch } from '../../contract/weights.ts';
import { deathOf, outOfMemory } from '../../model/out-of-memory.ts';
import { startTrainer } from '../../model/trainer-client.ts';

const { model, training } = configSchema.parse({ training: { batchSize: 512 } });
const program = { model, training, classes: 10, conventions: fromScratch };
const noLimit = process.platform === 'linux' ? false : 'limits are of Linux';
const killed = { code: null, signal: 'SIGKILL', lastWords: [] };

test("TensorFlow's own word for it is known", () => {
  const message = 'OOM when allocating tensor with shape[512,64,112,112] and type float on CPU:0';
  assert.equal(failureTypeOf(new Error(message)), 'OutOfMemory');
});

test("oneDNN's word for it is known", () => {
  const message =
    'Operation received an exception:Status: 1, message: could not create a primitive';
  assert.equal(failureTypeOf(new Error(message)), 'OutOfMemory');
});

test('a process with a limit is refused what goes beyond it', { skip: noLimit }, () => {
  const code = `
    import { limitMemory } from '${new URL('../../model/out-of-memory.ts', import.meta.url).href}';
    limitMemory(1e9);
    const held = [Buffer.alloc(5e8, 1)];
    try { held.push(Buffer.alloc(1e9, 1)); } catch (error) { console.log(error.message); }`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  const said = execFileSync(process.execPath, args, { encoding: 'utf8' });
  assert.match(said, /allocation failed/);
});

test('the failure names the batch, and half of what is computed at once as the remedy', () => {
  assert.match(
    outOfMemory(program, 'so it said').message,
    /^512 images of 32 px at once .* set training\.microBatchSize to 256 or less.*: so it said$/,
  );
  const micro = { model, training: { ...training, microBatchSize: 1 } };
  assert.match(outOfMemory(micro, '').message, /set a smaller model\.imageSize/);
});

test('a process killed while the kernel killed for memory died of that, another one did not', () => {
  assert.equal(deathOf(program, { ...killed, kernelKills: 1 }).type, 'OutOfMemory');
  assert.equal(deathOf(program, { ...killed, kernelKills: 0 }).type, 'TrainerDied');
});

test('a process that ends for want of memory is told by its last words', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-death-'));
  try {
    const script = join(folder, 'trainer.mjs');
    await writeFile(
      script,
      `process.stderr.write("terminate called after throwing 'std::bad_alloc'\\n", () => process.abort());`,
    );
    await assert.rejects(
      startTrainer(pathToFileURL(script), program, () => assert.fail('it reads no shards')),
      {
        name: 'OutOfMemory',
        message: /killed by SIGABRT: terminate called after throwing 'std::bad_alloc'/,
      },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
