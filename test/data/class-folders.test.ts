import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openClassFolders } from '../../data/class-folders.ts';

const classesOf = (...names: string[]) => names.map(openClassFolders());

test('class folders lie at the top or in one top folder', () => {
  for (const top of ['', 'pets/']) {
    const found = classesOf(`${top}cat/1.jpg`, `${top}dog/2.jpg`);
    assert.deepEqual(
      found.map((one) => 'class' in one && [one.class, one.side]),
      [
        ['cat', undefined],
        ['dog', undefined],
      ],
    );
  }
});

test("folders of train, validation and test are the dataset's own split", () => {
  for (const top of ['', 'pets/']) {
    const sides = ['train', 'val', 'validation', 'Valid', 'test'];
    const found = classesOf(...sides.map((side) => `${top}${side}/cat/1.jpg`));
    assert.deepEqual(
      found.map((one) => 'class' in one && [one.class, one.side]),
      ['train', 'validation', 'validation', 'validation', 'test'].map((side) => ['cat', side]),
    );
  }
});

test('an image that lies elsewhere than the first belongs to no class', () => {
  const [, ...found] = classesOf(
    'pets/cat/1.jpg',
    '2.jpg',
    'pets/3.jpg',
    'pets/train/cat/4.jpg',
    'others/cat/5.jpg',
    'a/b/cat/6.jpg',
  );
  assert.deepEqual(
    found.map((one) => 'problem' in one && one.problem.split(':')[0]),
    [
      'it lies in no class folder',
      "it lies elsewhere than 'pets/cat/1.jpg'",
      "it lies elsewhere than 'pets/cat/1.jpg'",
      "it lies elsewhere than 'pets/cat/1.jpg'",
      'it lies too deep',
    ],
  );
});

test('a folder called train is no class', () => {
  assert.ok('problem' in openClassFolders()('train/1.jpg'));
});
