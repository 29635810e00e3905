/** The store over S3 keeps the contract, on a real server. */
import { after, before } from 'node:test';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';
import { conformance } from './conformance.ts';

let s3: TestS3;
before(async () => {
  s3 = await startTestS3();
});
after(() => s3.stop());

conformance('S3 (versitygw)', () => s3.openStore());
