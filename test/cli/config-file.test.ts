import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readConfigFile } from '../../cli/config-file.ts';
import { inputOf, parseSetting } from '../../cli/input.ts';
import { train } from '../../cli/train.ts';
import { fakeRuns, fakeStack, openClone, progressAt } from './support.ts';

/** The input of a file of this name and text, in a folder `settings` of the current one. */
async function fileWith(t: TestContext, name: string, text: string) {
  const { cli } = await openClone(t);
  await mkdir(join(cli.cwd, 'settings'));
  await writeFile(join(cli.cwd, 'settings', name), text);
  return { cli, read: () => readConfigFile(`settings/${name}`, cli.cwd) };
}

test('a JSON file and a YAML file of the same configuration are the same input', async (t) => {
  const expected = { preset: 'article', training: { epochs: 3, learningRate: { initial: 1e-4 } } };
  const json = await fileWith(t, 'a.json', JSON.stringify(expected, null, '\t'));
  const yaml = await fileWith(
    t,
    'a.yaml',
    'preset: article\ntraining:\n  epochs: 3 # short\n  learningRate: { initial: 1e-4 }\n',
  );
  assert.deepEqual(await json.read(), expected);
  assert.deepEqual(await yaml.read(), expected);
});

test('without a file, and with an empty one, the input is empty', async (t) => {
  assert.deepEqual(await readConfigFile(undefined, '/here'), {});
  const { read } = await fileWith(t, 'a.yaml', '# nothing yet\n');
  assert.deepEqual(await read(), {});
});

test('options are laid over a file, key by key', async (t) => {
  const text = 'preset: article\ntraining: { epochs: 3, batchSize: 16 }\n';
  const { cli, read } = await fileWith(t, 'a.yaml', text);
  const set = [parseSetting('training.epochs=4')];
  assert.deepEqual(inputOf({ preset: 'quickstart', set }, cli.cwd, await read()), {
    preset: 'quickstart',
    training: { epochs: 4, batchSize: 16 },
  });
});

test("a file's relative paths begin at its own folder, names stay", async (t) => {
  const text = 'dataset: { source: ./images }\nmodel: { weights: imagenet }\n';
  const { cli, read } = await fileWith(t, 'a.yaml', text);
  assert.deepEqual(await read(), {
    dataset: { source: join(cli.cwd, 'settings', 'images') },
    model: { weights: 'imagenet' },
  });
});

test('the schema that an editor goes by is no key of the configuration', async (t) => {
  const { read } = await fileWith(t, 'a.json', '{"$schema":"../config.schema.json","seed":7}');
  assert.deepEqual(await read(), { seed: 7 });
});

test('what is no configuration is refused, with the file, the place and the remedy', async (t) => {
  for (const [text, message] of [
    ['{"seed": 7', /^--config settings\/a\.json: neither JSON nor YAML: .+ at line 1/],
    ['seed: 7\nseed: 8', /neither JSON nor YAML: Map keys must be unique at line 2, column 1/],
    ['[1, 2]', /^--config settings\/a\.json: \[1,2\] is no configuration; write keys and values/],
    ['fast', /: "fast" is no configuration/],
  ] as const) {
    const { read } = await fileWith(t, 'a.json', text);
    await assert.rejects(read(), { name: 'CommandError', message });
  }
  await assert.rejects(
    readConfigFile('none.yaml', '/here'),
    /^CommandError: --config none\.yaml: can't be read \(ENOENT.+name a JSON or YAML file/,
  );
});

test('a wrong key of a file is named with the file, and starts no run', async (t) => {
  const { cli } = await fileWith(t, 'a.yaml', 'training: { epochs: 0, epocs: 3 }\n');
  const runs = fakeRuns({ progress: progressAt('ingest'), historyLength: 1 });
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await assert.rejects(train(cli, { config: 'settings/a.yaml' }, open), {
    message: [
      'The configuration of settings/a.yaml is not valid, so nothing was started or scheduled:',
      '- training.epochs: 0: Too small: expected number to be >0',
      '- training.epocs: 3: there is no such key; contract/config.ts has those there are',
      'Correct settings/a.yaml, or lay --set key=value over it.',
    ].join('\n'),
  });
  assert.equal(runs.started.size, 0);
});

test('train --config starts a run with what the file holds', async (t) => {
  const { cli } = await fileWith(t, 'a.yaml', 'training: { epochs: 2 }\n');
  const runs = fakeRuns({ progress: progressAt('ingest'), historyLength: 1 });
  const open = () => Promise.resolve(fakeStack(cli.root, runs));
  await train(cli, { config: 'settings/a.yaml', set: [parseSetting('seed=7')] }, open);
  assert.deepEqual([...runs.started.values()], [{ training: { epochs: 2 }, seed: 7 }]);
});
