/** Real servers for tests, each with an empty folder of its own. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, signal } from '../../infra/local/process-identity.mjs';
import { startS3, startTemporal } from '../../infra/local/servers.ts';
import type { Server } from '../../infra/local/servers.ts';
import { setUp } from '../../infra/local/setup.mjs';
import { openS3Store } from '../../storage/s3.ts';
import type { S3Settings } from '../../storage/s3-client.ts';
import type { ObjectStore } from '../../storage/store.ts';

export interface TestS3 {
  /** http://host:port */
  readonly address: string;
  /** The server's objects as plain files: `<bucket>/<key>`. */
  readonly directory: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A store over a fresh bucket, or as `settings` say. */
  openStore(settings?: Partial<S3Settings>): Promise<ObjectStore>;
  /** SIGKILL, and it is gone; its objects stay. */
  kill(): Promise<void>;
  /** Starts it again, at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTestS3(): Promise<TestS3> {
  const root = await mkdtemp(join(tmpdir(), 'nightshift-s3-'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };
  const { versitygw: binary } = await setUp();
  const start = (port?: number): Promise<Server> =>
    startS3({
      ...{ binary, directory: root, ...(port !== undefined && { port }) },
      accessKey: credentials.accessKeyId,
      secretKey: credentials.secretAccessKey,
    });
  let server = await start();
  const address = `http://${server.address}`;
  const stores: ObjectStore[] = [];
  return {
    address,
    directory: join(root, 'data'),
    credentials,
    async openStore(settings = {}) {
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
    async kill() {
      signal(server.process, 'SIGKILL');
      await end(server.process, 0);
    },
    async restart() {
      server = await start(Number(new URL(address).port));
    },
    async stop() {
      for (const store of stores) store.close();
      await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Temporal in memory, without UI. */
export async function startTestTemporal(
  dynamicConfig: Readonly<Record<string, number>> = {},
): Promise<{ address: string; stop(): Promise<void> }> {
  return startTemporal({ binary: (await setUp()).temporal, dynamicConfig });
}
