/** A trial stack for a test, with a client and a store: servers and workers that go with its end. */
import { Client, Connection } from '@temporalio/client';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTrialStack } from '../../infra/local/trial-stack.ts';
import type { TrialStack } from '../../infra/local/trial-stack.ts';
import { openS3Store } from '../../storage/s3.ts';
import type { ObjectStore } from '../../storage/store.ts';

export interface TestStack extends Pick<TrialStack, 'trainers' | 'process'> {
  readonly client: Client;
  /** http://host:port of Temporal's UI, where it was asked for. */
  readonly uiAddress: string | undefined;
  readonly store: ObjectStore;
  stop(): Promise<void>;
}

/** Resolves once the workers ask for work. */
export async function startStack({ ui = false } = {}): Promise<TestStack> {
  const directory = await mkdtemp(join(tmpdir(), 'nightshift-stack-'));
  const stack = await openTrialStack({ directory, gpuWorkers: 1, ui });
  const store = await openS3Store(stack.s3);
  const connection = await Connection.connect({ address: stack.temporalAddress });
  return {
    client: new Client({ connection }),
    uiAddress: stack.uiAddress,
    store,
    trainers: stack.trainers,
    process: stack.process,
    async stop() {
      store.close();
      await connection.close();
      await stack.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
