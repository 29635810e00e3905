import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  failureTypeNamed,
  failureTypeOf,
  fewTries,
  isToBeMended,
  isWorthRetrying,
} from '../../contract/failures.ts';
import type { FailureType } from '../../contract/failures.ts';

const table: readonly (readonly [FailureType, tries: number, toBeMended: boolean])[] = [
  ['InvalidConfig', 1, false],
  ['InvalidData', 1, false],
  ['StorageAccess', 1, false],
  ['Diverged', 1, false],
  ['ShardsMissing', fewTries, true],
  ['NumericsDiffer', fewTries, true],
  ['StateNotSaved', fewTries, true],
  ['DamagedObject', fewTries, true],
  ['OutOfMemory', fewTries, false],
  ['TrainerDied', fewTries, false],
  ['UnknownHost', fewTries, false],
  ['Unexpected', fewTries, false],
  ['Unavailable', Infinity, false],
  ['WorkerShutdown', Infinity, false],
];
for (const [type, tries, toBeMended] of table) {
  test(`${type} is tried ${tries} times${toBeMended ? ', mended in between' : ''}`, () => {
    assert.equal(isToBeMended(type), toBeMended);
    assert.equal(isWorthRetrying(type, Math.min(tries, 1_000) - 1), tries > 1);
    assert.equal(isWorthRetrying(type, Math.min(tries, 1_000)), tries === Infinity);
  });
}

test('what the machine has run out of passes, whoever says it', () => {
  for (const message of [
    'ENOSPC: no space left on device, write',
    "EDQUOT: disk quota exceeded, open '/tmp/x'",
    'EMFILE: too many open files',
    '/tmp/variables.data-00000-of-00001.tempstate; No space left on device',
  ]) {
    assert.equal(failureTypeOf(new Error(message)), 'Unavailable');
  }
  assert.equal(
    failureTypeOf(new Error("ENOENT: no such file or directory, open 'x'")),
    'Unexpected',
  );
});

test('a name that is no type of ours is Unexpected', () => {
  assert.equal(failureTypeNamed('TypeError'), 'Unexpected');
  assert.equal(failureTypeNamed(null), 'Unexpected');
});
