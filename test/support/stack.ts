/** A whole system for a test: servers, workers as processes of their own, a client; and what to kill. */
import { Client, Connection } from '@temporalio/client';
import { execFileSync, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localEnvironment } from '../../infra/local/environment.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startTestS3, startTestTemporal } from './servers.ts';

export type WorkerName = 'cpu' | 'gpu';

export interface TestStack {
  readonly client: Client;
  readonly store: ObjectStore;
  /** Resolves once the worker is about to ask for work. */
  startWorker(name: WorkerName): Promise<void>;
  /** SIGKILL, and the worker is gone. */
  killWorker(name: WorkerName): Promise<void>;
  /** SIGTERM, and the worker has handed back. */
  stopWorker(name: WorkerName): Promise<void>;
  /** Ids of the trainer's processes below the gpu worker. */
  trainers(): number[];
  /** Kills them; false when there is none. */
  killTrainer(): boolean;
  stop(): Promise<void>;
}

export async function startStack(): Promise<TestStack> {
  const [s3, temporal] = await Promise.all([startTestS3(), startTestTemporal()]);
  const state = await mkdtemp(join(tmpdir(), 'nightshift-state-'));
  const store = await s3.openStore({ bucket: 'nightshift' });
  const connection = await Connection.connect({ address: temporal.address });
  const workers = new Map<WorkerName, ChildProcess>();
  const end = async (name: WorkerName, signal: NodeJS.Signals): Promise<void> => {
    const child = workers.get(name);
    workers.delete(name);
    if (!child || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  const trainers = (): number[] => {
    const pid = workers.get('gpu')?.pid;
    return pid === undefined ? [] : childrenOf(pid);
  };
  return {
    client: new Client({ connection }),
    store,
    async startWorker(name) {
      const child = fork(new URL(`../../workers/${name}.ts`, import.meta.url), {
        execArgv: ['--import', 'tsx'],
        stdio: ['ignore', 'ignore', process.env['NIGHTSHIFT_DEBUG'] ? 'inherit' : 'ignore', 'ipc'],
        env: localEnvironment({
          TEMPORAL_ADDRESS: temporal.address,
          NIGHTSHIFT_BUCKET: 'nightshift',
          NIGHTSHIFT_STATE: join(state, name),
          AWS_ENDPOINT_URL_S3: s3.address,
          AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
        }),
      });
      workers.set(name, child);
      await once(child, 'message');
    },
    killWorker: (name) => end(name, 'SIGKILL'),
    stopWorker: (name) => end(name, 'SIGTERM'),
    trainers,
    killTrainer() {
      const below = trainers();
      for (const child of below) process.kill(child, 'SIGKILL');
      return below.length > 0;
    },
    async stop() {
      await Promise.all([end('cpu', 'SIGKILL'), end('gpu', 'SIGKILL')]);
      await connection.close();
      await Promise.all([s3.stop(), temporal.stop()]);
      await rm(state, { recursive: true, force: true });
    },
  };
}

/** The node processes directly below a process. */
function childrenOf(pid: number): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return listed
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null && Number(match[2]) === pid && match[3]!.includes('trainer'))
    .map((match) => Number(match![1]));
}
