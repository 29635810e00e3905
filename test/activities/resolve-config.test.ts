import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveConfig as resolve } from '../../activities/resolve-config.ts';
import { moveChampion } from '../../model/champions.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { testStep } from '../support/data-services.ts';
import { metrics } from '../support/finished-run.ts';

const resolveConfig = (input?: unknown) => resolve({ store: openMemoryStore() }, input, testStep());

/** The problems a wrong input is refused with. */
async function problemsOf(input: unknown): Promise<string[]> {
  let problems: string[] = [];
  await assert.rejects(resolveConfig(input), (error: Error & { details: unknown }) => {
    assert.equal(error.name, 'InvalidConfig');
    ({ problems } = error.details as { problems: string[] });
    return true;
  });
  return problems;
}

test('no input, null and {} all mean the preset quickstart', async () => {
  const nothing = await resolveConfig();
  assert.equal(nothing.preset, 'quickstart');
  assert.deepEqual(await resolveConfig(null), nothing);
  assert.deepEqual(await resolveConfig({}), nothing);
});

test('what a user writes is laid over the preset, key by key', async () => {
  const { config } = await resolveConfig({ training: { epochs: 2 } });
  assert.equal(config.training.epochs, 2);
  assert.equal(config.training.batchSize, (await resolveConfig()).config.training.batchSize);
});

test('the preset article has the parameters of the article', async () => {
  const { model, training } = (await resolveConfig({ preset: 'article' })).config;
  assert.equal(model.weights, 'imagenet');
  assert.equal(model.trainable, 'head+batchnorm');
  assert.equal(model.dropout, 0.5);
  assert.equal(training.batchSize, 32);
  assert.equal(training.learningRate.schedule, 'constant');
  assert.equal(training.learningRate.initial, 0.01);
  const { optimizer } = training;
  assert.ok(optimizer.name === 'rmsprop' && optimizer.rho === 0.9);
  assert.equal(training.validateEverySteps, 500);
});

test('another optimizer takes nothing from that of the preset', async () => {
  const own = { preset: 'article', training: { optimizer: { name: 'sgd', momentum: 0.9 } } };
  const { training } = (await resolveConfig(own)).config;
  assert.deepEqual(training.optimizer, { name: 'sgd', momentum: 0.9, nesterov: false });
});

test('each unknown key is named with its place and value', async () => {
  const rule = 'there is no such key; contract/config.ts has those there are';
  assert.deepEqual(await problemsOf({ training: { epocs: 3, batch: 8 }, epochs: 3 }), [
    `training.epocs: 3: ${rule}`,
    `training.batch: 8: ${rule}`,
    `epochs: 3: ${rule}`,
  ]);
});

test('a wrong type is named with its key and value', async () => {
  const [problem] = await problemsOf({ training: { epochs: 'ten' } });
  assert.match(problem!, /^training\.epochs: "ten": .*expected number/);
});

test('every problem is named, not only the first', async () => {
  const problems = await problemsOf({ seed: -1, model: { imageSize: 16 } });
  assert.equal(problems.length, 2);
  assert.match(problems[1]!, /^model\.imageSize: 16: images under 32 px/);
});

test('a split that does not sum to 1 is refused with the sum', async () => {
  const [problem] = await problemsOf({ dataset: { split: { train: 0.7 } } });
  assert.match(problem!, /^dataset\.split: .*must be 1, got 0\.7 \+ 0\.2 \+ 0\.2 = 1\.1$/);
});

test('a split is fractions or own, and nothing else', async () => {
  await resolveConfig({ dataset: { split: 'own' } });
  for (const split of ['their own', { train: 'most' }, []]) {
    const [problem] = await problemsOf({ dataset: { split } });
    assert.match(problem!, /^dataset\.split: .*: must be 'own', or fractions from 0 to 1 of train/);
  }
  const [problem] = await problemsOf({ dataset: { split: { validate: 0.2 } } });
  assert.match(problem!, /^dataset\.split\.validate: 0\.2: there is no such key/);
});

test("a grouping is the source's, or a pattern with one group", async () => {
  for (const groupBy of ['group', '^([^_]+)_', '(?:left|right)-(\\d+)', '(?<patient>p\\d+)']) {
    await resolveConfig({ dataset: { groupBy } });
  }
  for (const groupBy of ['patient', '(', '(a)(b)', '']) {
    const [problem] = await problemsOf({ dataset: { groupBy } });
    assert.match(
      problem!,
      /^dataset\.groupBy: ".*": must be 'group', or a regular expression with/,
    );
  }
});

test('classes are at least two, each named once', async () => {
  await resolveConfig({ dataset: { classes: ['cat', 'dog'] } });
  for (const [classes, rule] of [
    [['cat'], /a classifier has at least 2/],
    [['cat', 'dog', 'cat'], /a class is named twice/],
  ] as const) {
    const [problem] = await problemsOf({ dataset: { classes } });
    assert.match(problem!, rule);
  }
});

test('a batch larger than the training set is refused', async () => {
  const [problem] = await problemsOf({ dataset: { limit: 100 }, training: { batchSize: 64 } });
  assert.match(
    problem!,
    /^training\.batchSize: 64 is larger than the training set, about 60 images/,
  );
});

test('freezing random convolutions is refused', async () => {
  const [problem] = await problemsOf({ model: { trainable: 'head' } });
  assert.match(problem!, /^model\.trainable: 'head' freezes convolutions/);
});

test('images are not mixed where a head learns from kept features', async () => {
  const model = { trainable: 'head', weights: 'imagenet' };
  const [problem] = await problemsOf({ model, augment: { cutmix: 1, views: 2 } });
  assert.match(problem!, /^augment\.cutmix: images can't be mixed/);
  const { config } = await resolveConfig({ model, augment: { cutmix: 1 } });
  assert.equal(config.augment.cutmix, 1);
});

test('a small stem does not go with weights from elsewhere, but with those of a run', async () => {
  const [problem] = await problemsOf({ model: { stem: 'small', weights: 'imagenet' } });
  assert.match(problem!, /^model\.stem: 'small' does not fit pretrained weights/);
  const { config } = await resolveConfig({ model: { stem: 'small', weights: 'run:nightly' } });
  assert.equal(config.model.stem, 'small');
});

test('an unknown preset is refused with the list of presets', async () => {
  assert.deepEqual(await problemsOf({ preset: 'fast' }), [
    'preset: "fast" is none of quickstart, article',
  ]);
});

test('an input that is no object is refused', async () => {
  assert.deepEqual(await problemsOf([1]), ['input: expected an object, got [1]']);
});

/** A store with a champion of the model pets. */
async function storeWithChampion(digit: string) {
  const store = openMemoryStore();
  await moveChampion(store, 'pets', digit, async () => ({
    ...{ kind: 'promotion', digest: digit.repeat(64), run: 'r', workflowId: 'night' },
    ...{ metrics, gate: null, by: 'ada', why: 'first' },
  }));
  return store;
}

test('a champion to begin with is pinned by its digest: one that follows changes nothing', async () => {
  const store = await storeWithChampion('1');
  const weightsOf = async (input: object) => {
    const { weights, weightsSha256 } = (await resolve({ store }, input, testStep())).config.model;
    return [weights, weightsSha256];
  };
  const pinned = ['champion:pets', '1'.repeat(64)];
  assert.deepEqual(await weightsOf({ model: { weights: 'champion:pets' } }), pinned);
  const warm = { promotion: { model: 'pets', warmStart: 'champion' } };
  assert.deepEqual(await weightsOf(warm), pinned);
  const earlier = { weights: 'champion:pets', weightsSha256: '2'.repeat(64) };
  assert.deepEqual(await weightsOf({ model: earlier }), ['champion:pets', '2'.repeat(64)]);
});

test('a warm start where there is no champion yet begins as model.weights says', async () => {
  const promotion = { model: 'pets', warmStart: 'champion' };
  const { model } = (await resolveConfig({ promotion, model: { weights: 'imagenet' } })).config;
  assert.equal(model.weights, 'imagenet');
});

test('a champion that is not there, or would be named twice, is refused with its key', async () => {
  assert.match(
    (await problemsOf({ model: { weights: 'champion:pets' } }))[0]!,
    /^model\.weights: "champion:pets": bucket memory has no champion/,
  );
  assert.match(
    (await problemsOf({ model: { weights: 'champion:A b' } }))[0]!,
    /a model's name must be 1 to 63/,
  );
  const promotion = { model: 'pets', warmStart: 'champion' };
  const twice = await problemsOf({ promotion, model: { weights: 'champion:dogs' } });
  assert.match(twice[0]!, /beside promotion\.warmStart 'champion'.*leave one out/);
});

test('where nothing is said of it, an approval is over well before the next night', async () => {
  const { config } = await resolveConfig({ promotion: { model: 'pets', approval: {} } });
  assert.equal(config.promotion?.approval?.deadlineHours, 12);
});

test('images above 32 pixels are cropped as photographs, unless something is said of it', async () => {
  const cropOf = async (imageSize: number, augment = {}): Promise<unknown> =>
    (await resolveConfig({ model: { imageSize }, augment })).config.augment.crop;
  const usual = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] };
  assert.deepEqual(await cropOf(224), usual);
  assert.deepEqual(await cropOf(224, { flip: 0 }), usual);
  assert.equal(await cropOf(224, { cropPadding: 8 }), undefined);
  assert.equal(await cropOf(32), undefined);
});

test("an editor's $schema is no key of the configuration, and no error", async () => {
  const { config } = await resolveConfig({ $schema: './contract/config.schema.json', seed: 7 });
  assert.equal(config.seed, 7);
});
