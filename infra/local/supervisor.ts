/** A clone's own stack: servers and workers, kept alive until it is closed; survivors of a killed supervisor are taken over. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { shutdownGraceMs } from '../../contract/timing.ts';
import { end, identify, isAlive, signal } from './process-identity.ts';
import { adopt, startS3, startTemporal } from './servers.ts';
import type { Server } from './servers.ts';
import { setUp } from './setup.mjs';
import {
  choosePorts,
  credentialsOf,
  forget,
  lock,
  lockHolder,
  remember,
  stateDirectory,
  survivor,
} from './state.ts';
import type { Credentials, Ports } from './state.ts';

export { StackInUse } from './state.ts';

export interface StackAddresses {
  /** host:port */
  readonly temporalAddress: string;
  /** http://host:port */
  readonly uiAddress: string;
  /** What a worker needs to know, as environment variables. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface LocalStack extends StackAddresses {
  /** Workers save and hand back, then the servers end. */
  close(): Promise<void>;
}

/** Something started, ended or was restarted. */
export interface StackEvent {
  readonly process: string;
  readonly message: string;
}

export interface StackOptions {
  /** The clone's folder. */
  readonly root: string;
  readonly onEvent?: (event: StackEvent) => void;
  /** The workers' modules, by name. */
  readonly workers?: Readonly<Record<string, URL>>;
}

const suffix = extname(import.meta.url);
const ownWorkers = {
  cpu: new URL(`../../workers/cpu${suffix}`, import.meta.url),
  gpu: new URL(`../../workers/gpu${suffix}`, import.meta.url),
};

/** How often servers are looked at; their processes may be another supervisor's children. */
const lookEveryMs = 500;
/** Pauses before a worker that ends at once again is restarted. */
const restartAfterMs = [0, 1_000, 2_000, 5_000, 10_000] as const;
/** A worker that lived this long did not end at once. */
const stableAfterMs = 60_000;

/** Starts the clone's stack, or takes over what is left of it. Throws `StackInUse`. */
export async function openLocalStack(options: StackOptions): Promise<LocalStack> {
  const { root, onEvent = () => undefined, workers = ownWorkers } = options;
  const directory = stateDirectory(root);
  const unlock = await lock(directory);
  const closing = new AbortController();
  const tasks: Promise<void>[] = [];
  const servers: SupervisedServer[] = [];
  try {
    const binaries = await setUp();
    const credentials = await credentialsOf(directory);
    const left = {
      temporal: await survivor(directory, 'temporal'),
      s3: await survivor(directory, 's3'),
    };
    // Temporal's own UI port goes with its process.
    const uiPort = left.temporal ? [(await readPorts(directory)).ui] : [];
    const ours = [left.temporal?.port, left.s3?.port, ...uiPort].filter(
      (port) => port !== undefined,
    );
    const ports = await choosePorts(directory, new Set(ours));
    const logs = join(directory, 'logs');
    const open = async (name: 'temporal' | 's3', start: () => Promise<Server>): Promise<void> => {
      const supervised = await supervise(directory, name, ports[name], start, onEvent);
      servers.push(supervised);
      tasks.push(supervised.watch(closing.signal));
    };
    await Promise.all([
      open('s3', () =>
        startS3({
          binary: binaries.versitygw,
          directory: join(directory, 's3'),
          port: ports.s3,
          ...credentials,
          log: join(logs, 's3.log'),
        }),
      ),
      open('temporal', () =>
        startTemporal({
          binary: binaries.temporal,
          databaseFile: join(directory, 'temporal.db'),
          port: ports.temporal,
          uiPort: ports.ui,
          log: join(logs, 'temporal.log'),
        }),
      ),
    ]);
    const addresses = addressesOf(directory, ports, credentials);
    const running: Worker[] = [];
    for (const [name, script] of Object.entries(workers)) {
      const stale = await survivor(directory, `worker-${name}`);
      if (stale) await end(stale, 0);
      const worker = superviseWorker(directory, name, script, addresses, onEvent, closing.signal);
      running.push(worker);
      tasks.push(worker.done);
    }
    const killAll = (): void => {
      for (const worker of running) worker.kill();
      for (const { current } of servers) signal(current().process, 'SIGKILL');
    };
    process.once('exit', killAll);
    return {
      ...addresses,
      async close() {
        closing.abort();
        await Promise.all(tasks);
        await Promise.all(servers.map(({ current }) => current().stop()));
        await forget(directory, 'temporal');
        await forget(directory, 's3');
        process.off('exit', killAll);
        await unlock();
      },
    };
  } catch (error) {
    closing.abort();
    await Promise.all(tasks);
    await Promise.all(servers.map(({ current }) => current().stop()));
    await unlock();
    throw error;
  }
}

/** The addresses of the clone's running stack; undefined when none runs. */
export async function readLocalStack(root: string): Promise<StackAddresses | undefined> {
  const directory = stateDirectory(root);
  if (!(await lockHolder(directory))) return undefined;
  if (!(await survivor(directory, 'temporal'))) return undefined;
  return addressesOf(directory, await readPorts(directory), await credentialsOf(directory));
}

async function readPorts(directory: string): Promise<Ports> {
  const { readFile } = await import('node:fs/promises');
  return JSON.parse(await readFile(join(directory, 'ports.json'), 'utf8')) as Ports;
}

function addressesOf(directory: string, ports: Ports, credentials: Credentials): StackAddresses {
  const temporalAddress = `127.0.0.1:${ports.temporal}`;
  return {
    temporalAddress,
    uiAddress: `http://127.0.0.1:${ports.ui}`,
    environment: {
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: 'default',
      NIGHTSHIFT_BUCKET: 'nightshift',
      NIGHTSHIFT_STATE: directory,
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${ports.s3}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: credentials.accessKey,
      AWS_SECRET_ACCESS_KEY: credentials.secretKey,
    },
  };
}

interface SupervisedServer {
  readonly current: () => Server;
  /** Restarts the server whenever it is gone, until the signal aborts. */
  watch(signal: AbortSignal): Promise<void>;
}

async function supervise(
  directory: string,
  name: string,
  port: number,
  start: () => Promise<Server>,
  onEvent: (event: StackEvent) => void,
): Promise<SupervisedServer> {
  const startAnew = async (): Promise<Server> => {
    const server = await start();
    await remember(directory, name, { ...server.process, port });
    return server;
  };
  const left = await survivor(directory, name);
  let server = left?.port === port ? adopt(`127.0.0.1:${port}`, left) : await startAnew();
  return {
    current: () => server,
    async watch(aborted) {
      while (!aborted.aborted) {
        await sleep(lookEveryMs, undefined, { signal: aborted }).catch(() => undefined);
        if (aborted.aborted || isAlive(server.process)) continue;
        onEvent({ process: name, message: `${name} ended; starting it again` });
        try {
          server = await startAnew();
        } catch (error) {
          onEvent({ process: name, message: (error as Error).message });
        }
      }
    },
  };
}

interface Worker {
  /** Resolves once it has been told to end, and has. */
  readonly done: Promise<void>;
  kill(): void;
}

function superviseWorker(
  directory: string,
  name: string,
  script: URL,
  { environment }: StackAddresses,
  onEvent: (event: StackEvent) => void,
  closing: AbortSignal,
): Worker {
  let child: ChildProcess | undefined;
  const run = async (): Promise<void> => {
    let quickEnds = 0;
    while (!closing.aborted) {
      const startedAt = Date.now();
      child = spawnWorker(directory, name, script, environment);
      const identity = identify(child.pid!);
      if (identity) await remember(directory, `worker-${name}`, identity);
      const how = await ended(child, closing);
      if (closing.aborted) break;
      quickEnds = Date.now() - startedAt > stableAfterMs ? 0 : quickEnds + 1;
      onEvent({ process: name, message: `worker ${name} ended (${how}); starting it again` });
      const pause = restartAfterMs[Math.min(quickEnds, restartAfterMs.length) - 1] ?? 0;
      await sleep(pause, undefined, { signal: closing }).catch(() => undefined);
    }
    await forget(directory, `worker-${name}`);
  };
  return { done: run(), kill: () => void child?.kill('SIGKILL') };
}

/** With a channel to this process: a worker whose supervisor is gone ends by itself. */
function spawnWorker(
  directory: string,
  name: string,
  script: URL,
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  const logs = join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  const log = openSync(join(logs, `worker-${name}.log`), 'a');
  return fork(script, {
    detached: true,
    execArgv: script.href.endsWith('.ts') ? ['--import', 'tsx'] : [],
    env: { ...process.env, ...environment },
    stdio: ['ignore', log, log, 'ipc'],
  });
}

/** How the worker ended. On closing it is asked to, and killed when its grace is over. */
async function ended(child: ChildProcess, closing: AbortSignal): Promise<string> {
  let killer: NodeJS.Timeout | undefined;
  const ask = (): void => {
    child.kill('SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), shutdownGraceMs + 10_000);
  };
  closing.addEventListener('abort', ask, { once: true });
  const how = await new Promise<string>((resolve) => {
    child.once('exit', (code, name) => resolve(name ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  closing.removeEventListener('abort', ask);
  clearTimeout(killer);
  return how;
}
