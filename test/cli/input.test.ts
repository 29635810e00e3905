import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../cli/cli.ts';
import { describeInput, inputOf, parseSetting } from '../../cli/input.ts';

const value = (text: string) => parseSetting(text).value;
const source = (text: string) => inputOf({ source: text }, '/here')['dataset'];

test('a value of --set is JSON where it can be, else a string', () => {
  assert.equal(value('training.epochs=3'), 3);
  assert.equal(value('training.strict=true'), true);
  assert.equal(value('model.architecture=resnet50'), 'resnet50');
  assert.equal(value('dataset.sha256="1234"'), '1234');
  assert.equal(value('dataset.source=s3://bucket/a=b.tar.gz'), 's3://bucket/a=b.tar.gz');
  assert.deepEqual(value('augment={"flip":0}'), { flip: 0 });
  assert.equal(value('dataset.source='), '');
});

test('--set without a key or without a value says how it is written', () => {
  for (const text of ['training.epochs', '=3', 'training..epochs=3', '.epochs=3', 'epochs.=3']) {
    assert.throws(() => parseSetting(text), /Expected key=value, such as training\.epochs=3/, text);
  }
});

test('no options ask for an empty input', () => {
  assert.deepEqual(inputOf({}, '/here'), {});
});

test('preset, source and settings are laid over one another, the later setting over the earlier', () => {
  const set = ['training.epochs=3', 'training.batchSize=32', 'training.epochs=4', 'seed=7'];
  assert.deepEqual(
    inputOf({ preset: 'article', source: 'cifar10', set: set.map(parseSetting) }, '/here'),
    {
      preset: 'article',
      dataset: { source: 'cifar10' },
      training: { epochs: 4, batchSize: 32 },
      seed: 7,
    },
  );
});

test('a --source path is made absolute, an address and a known name stay', () => {
  assert.deepEqual(source('data/c.tar.gz'), { source: '/here/data/c.tar.gz' });
  assert.deepEqual(source('/data/c.tar.gz'), { source: '/data/c.tar.gz' });
  for (const address of [
    'cifar10',
    'imagenette2-320',
    'file:///c.tar.gz',
    'https://a.example/c',
    's3://bucket/c',
  ]) {
    assert.deepEqual(source(address), { source: address });
  }
});

test('paths among the settings are made absolute too, names and addresses stay', () => {
  const inputFor = (...set: string[]) => inputOf({ set: set.map(parseSetting) }, '/here');
  assert.deepEqual(inputFor('dataset.source=c.tar.gz', 'model.weights=../w.h5'), {
    dataset: { source: '/here/c.tar.gz' },
    model: { weights: '/w.h5' },
  });
  assert.deepEqual(inputFor('model={"weights":"w.h5","dropout":0}'), {
    model: { weights: '/here/w.h5', dropout: 0 },
  });
  for (const weights of ['none', 'imagenet', 'https://a.example/w.h5', '']) {
    assert.deepEqual(inputFor(`model.weights=${weights}`), { model: { weights } });
  }
  assert.deepEqual(inputFor('dataset=fast'), { dataset: 'fast' });
});

test('a key below a value that is no object is refused, with both named', () => {
  const set = ['training=fast', 'training.epochs=3'].map(parseSetting);
  assert.throws(
    () => inputOf({ set }, '/here'),
    new CommandError(
      '--set training.epochs: training is already "fast", which has no keys; give one of the two.',
    ),
  );
});

test('a setting named __proto__ is a key like any other', () => {
  const input = inputOf({ set: [parseSetting('__proto__.epochs=3')] }, '/here');
  assert.deepEqual(Object.keys(input), ['__proto__']);
  assert.equal(({} as { epochs?: number }).epochs, undefined);
});

test('an input is described by the options that give it', () => {
  const options = ['training.epochs=4', 'model.weights=/a b', 'augment.flip=0'].map(parseSetting);
  const input = inputOf({ preset: 'article', set: options }, '/here');
  assert.equal(
    describeInput(input),
    "--preset article --set training.epochs=4 --set 'model.weights=/a b' --set augment.flip=0",
  );
  assert.equal(describeInput({}), '');
});
