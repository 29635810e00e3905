/** The variables that a worker reads. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readSettings } from '../../workers/settings.ts';

const textOf = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the README names each variable of our own that a worker reads', () => {
  const readme = textOf('README.md');
  const read = new Set(textOf('workers/settings.ts').match(/\bNIGHTSHIFT_\w+/g));
  assert.ok(read.size > 0);
  assert.deepEqual(
    [...read].filter((name) => !readme.includes(name)),
    [],
  );
});

test('a wrong variable is named with its value, unless that may be a secret', () => {
  const wrong = {
    REQUIRE_GPU: 'yes',
    NIGHTSHIFT_WEBHOOK: 'ftp://pets.example/s3cret',
    NIGHTSHIFT_WEBHOOK_KEY: 's3cret',
  };
  assert.throws(
    () => readSettings(wrong),
    ({ message }: Error) => {
      assert.match(
        message,
        /^REQUIRE_GPU=yes: .*\nNIGHTSHIFT_WEBHOOK: .*\nNIGHTSHIFT_WEBHOOK_KEY: /,
      );
      return !message.includes('s3cret');
    },
  );
});

test("the store's endpoint is an address, and AWS's own where the variable is empty", () => {
  assert.equal(readSettings({ AWS_ENDPOINT_URL_S3: '' }).endpoint, undefined);
  for (const wrong of ['127.0.0.1', 's3.pets.example:9000', 'ftp://pets.example']) {
    const read = () => readSettings({ AWS_ENDPOINT_URL_S3: wrong });
    assert.throws(read, new RegExp(`^Error: AWS_ENDPOINT_URL_S3=${wrong}: `));
  }
});
