/** What a report shows of a configuration. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import { configRows } from '../../report/config-rows.ts';

const shownOf = (webhook?: string) =>
  configRows(configSchema.parse({ webhook }), {}).find(({ key }) => key === 'webhook');

test("of a webhook's address the host alone is shown: the rest may be a secret", () => {
  assert.equal(shownOf('https://example.org:8443/hook/s3cret?token=t')?.value, 'example.org:8443');
  assert.equal(shownOf('worker')?.value, 'worker');
  assert.equal(shownOf(), undefined);
});
