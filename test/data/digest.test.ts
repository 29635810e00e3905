import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, digestOf, sha256 } from '../../data/digest.ts';

test('sha256 gives the digest that FIPS 180-4 publishes for "abc"', () => {
  assert.equal(
    sha256(Buffer.from('abc')),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('the order in which keys were set does not change a digest', () => {
  assert.equal(digestOf({ a: 1, b: { c: [2], d: 3 } }), digestOf({ b: { d: 3, c: [2] }, a: 1 }));
});

test('any other value changes a digest', () => {
  const digests = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: null }, { b: 1 }, {}, [], null, 1, '1'];
  assert.equal(new Set(digests.map(digestOf)).size, digests.length);
});

test('canonical JSON is what JSON.stringify writes, its keys sorted', () => {
  const value = { z: [1.5, -0, 1e21, true, null], a: 'ü"\n', '10': 1, '9': 2 };
  assert.equal(canonicalJson(value), '{"10":1,"9":2,"a":"ü\\"\\n","z":[1.5,0,1e+21,true,null]}');
  assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
});

test('a key without a value is a key that is not there', () => {
  assert.equal(digestOf({ a: 1, b: undefined }), digestOf({ a: 1 }));
});

test('what JSON would lose is refused by what it is', () => {
  const refused: [unknown, string][] = [
    [Number.NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [() => 1, 'a function'],
    [1n, 'a bigint'],
    [new Date(0), 'a Date'],
    [new Uint8Array(1), 'a Uint8Array'],
  ];
  for (const [value, name] of refused) {
    const message = `a digest is made of JSON values only, got ${name}`;
    assert.throws(() => digestOf({ deep: [value] }), { name: 'TypeError', message });
  }
});
