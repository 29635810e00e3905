/** Real servers for tests, each with an empty folder of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { openS3Store } from '../../storage/s3.ts';
import type { S3Settings } from '../../storage/s3.ts';
import type { ObjectStore } from '../../storage/store.ts';

export interface TestS3 {
  readonly address: string;
  /** The server's objects as plain files: `<bucket>/<key>`. */
  readonly directory: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A store over a fresh bucket, or as `settings` say. */
  openStore(settings?: Partial<S3Settings>): Promise<ObjectStore>;
  stop(): Promise<void>;
}

export async function startTestS3(): Promise<TestS3> {
  const root = await mkdtemp(join(tmpdir(), 'nightshift-s3-'));
  const directory = join(root, 'data');
  await mkdir(directory);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const child = spawn(
    '/tmp/lab/storage/bin/versitygw',
    ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', directory],
    {
      env: {
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
      stdio: 'ignore',
    },
  );
  const address = `http://127.0.0.1:${port}`;
  for (;;) {
    if (
      await fetch(address).then(
        () => true,
        () => false,
      )
    )
      break;
    await new Promise((done) => setTimeout(done, 20));
  }
  const stores: ObjectStore[] = [];
  return {
    address,
    directory,
    credentials,
    openStore: async (settings = {}) => {
      const store = await openS3Store({
        bucket: `test-${randomUUID()}`,
        endpoint: address,
        credentials,
        createBucket: true,
        ...settings,
      });
      stores.push(store);
      return store;
    },
    stop: async () => {
      for (const store of stores) store.close();
      child.kill();
      await once(child, 'exit');
      await rm(root, { recursive: true, force: true });
    },
  };
}
