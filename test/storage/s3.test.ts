/** The store over S3 keeps the contract, on a real server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';
import { conformance } from './conformance.ts';

let s3: TestS3;
before(async () => {
  s3 = await startTestS3();
});
after(() => s3.stop());

conformance('S3 (versitygw)', () => s3.openStore());
conformance('S3 (versitygw), downloads in threads', () => s3.openStore({ downloadThreads: true }));

test('processes that start together may each make the bucket', async () => {
  const bucket = 'made-by-many';
  const stores = await Promise.all(Array.from({ length: 4 }, () => s3.openStore({ bucket })));
  await stores[0]!.put('key', Buffer.from('seen by all'));
  for (const store of stores) assert.equal((await store.head('key'))?.size, 11);
});
