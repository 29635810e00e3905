/** A whole system to be broken: servers and workers with empty folders of their own; what ends is started again. */
import { fork } from 'node:child_process';
import { extname, join } from 'node:path';
import { keepServer } from './keep-server.ts';
import { keepWorker } from './keep-worker.ts';
import { lastWords } from './logs.ts';
import { freePort } from './ports.ts';
import { end, identify, signal } from './process-identity.mjs';
import type { ProcessIdentity } from './process-identity.mjs';
import { openProcesses } from './processes.ts';
import { startS3, startTemporal } from './servers.ts';
import type { Server } from './servers.ts';
import { setUp } from './setup.mjs';
import { trainersBelow } from './trainers.ts';
import type { TrainerProcess } from './trainers.ts';

/** A trainer, and the worker that it belongs to. */
export interface RunningTrainer extends TrainerProcess {
  readonly worker: string;
}

export interface TrialStack {
  /** host:port */
  readonly temporalAddress: string;
  /** http://host:port, where a UI was asked for. */
  readonly uiAddress: string | undefined;
  readonly s3: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** What can be killed by name: `temporal`, `s3`, `cpu`, `gpu-1`, `gpu-2`, ... */
  readonly parts: readonly string[];
  /** The living process of a part. */
  readonly process: (part: string) => ProcessIdentity | undefined;
  readonly trainers: () => RunningTrainer[];
  /** Kills all of it, frozen processes too. The folder stays. */
  close(): Promise<void>;
}

export interface TrialOptions {
  /** An empty folder. */
  readonly directory: string;
  readonly gpuWorkers: number;
  /** With Temporal's UI. */
  readonly ui?: boolean;
  /** Gives up waiting for the workers. */
  readonly signal?: AbortSignal;
}

/** Killed, a server is noticed within a second; frozen, it is left to wake up. */
const serverPace = { lookEveryMs: 500, lookAgainMs: 1_000, silences: Number.MAX_SAFE_INTEGER };
/** Also when it ends often: that is what a trial is for. */
const workerPace = { restartAfterMs: [1_000], stableAfterMs: Infinity };

const suffix = extname(import.meta.url);

/** Resolves once the workers ask for work; when it throws, nothing is left running. */
export async function openTrialStack(options: TrialOptions): Promise<TrialStack> {
  const { directory, gpuWorkers, ui = false } = options;
  const binaries = await setUp();
  const ports = { temporal: await freePort(), s3: await freePort() };
  const uiPort = ui ? await freePort() : undefined;
  const credentials = { accessKeyId: 'trial', secretAccessKey: 'trial-secret' };
  const bucket = 'nightshift';
  const endpoint = `http://127.0.0.1:${ports.s3}`;
  const temporalAddress = `127.0.0.1:${ports.temporal}`;
  const gpus = Array.from({ length: gpuWorkers }, (_, index) => `gpu-${index + 1}`);
  const parts = ['temporal', 's3', 'cpu', ...gpus];

  const processes = openProcesses(directory, () => undefined);
  const trainers = (): RunningTrainer[] =>
    gpus.flatMap((worker) => {
      const known = processes.find(worker);
      return known ? trainersBelow(known).map((trainer) => ({ ...trainer, worker })) : [];
    });
  const killAll = (): RunningTrainer[] => {
    const below = trainers();
    processes.killAll();
    for (const trainer of below) signal(trainer, 'SIGKILL');
    return below;
  };
  process.once('exit', killAll);
  const guard = startGuard(directory, parts);
  const closing = new AbortController();
  const kept: Promise<void>[] = [];
  const close = async (): Promise<void> => {
    closing.abort();
    const below = killAll();
    await Promise.all(kept);
    await Promise.all(below.map((trainer) => end(trainer, 0)));
    // A server may just have been started again.
    await Promise.all(parts.map((part) => processes.end(part, 0)));
    process.off('exit', killAll);
    if (guard) await end(guard, 0);
  };

  const logOf = (part: string): string => join(directory, 'logs', `${part}.log`);
  const common = (part: 'temporal' | 's3') => ({
    port: ports[part],
    log: logOf(part),
    onSpawn: (started: ProcessIdentity) => processes.add(part, started),
  });
  const start = {
    temporal: (): Promise<Server> =>
      startTemporal({
        ...common('temporal'),
        binary: binaries.temporal,
        databaseFile: join(directory, 'temporal.db'),
        ...(uiPort !== undefined && { uiPort }),
      }),
    s3: (): Promise<Server> =>
      startS3({
        ...common('s3'),
        binary: binaries.versitygw,
        directory: join(directory, 's3'),
        accessKey: credentials.accessKeyId,
        secretKey: credentials.secretAccessKey,
      }),
  };
  const keepWorkerCalled = (name: string): Promise<void> =>
    new Promise((onReady, reject) => {
      const worker = {
        name,
        script: new URL(`../../workers/${name.split('-')[0]}${suffix}`, import.meta.url),
        environment: {
          TEMPORAL_ADDRESS: temporalAddress,
          NIGHTSHIFT_BUCKET: bucket,
          // Each as if on a machine of its own.
          NIGHTSHIFT_STATE: join(directory, name),
          // Of several workers on one machine only one could have the user's port.
          NIGHTSHIFT_METRICS: '',
          AWS_ENDPOINT_URL_S3: endpoint,
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        },
        log: logOf(name),
        onSpawn: (started: ProcessIdentity) => processes.add(name, started),
        onReady,
        // Once it was ready it may end as it likes.
        onEvent: () =>
          reject(new Error(`worker ${name} ended before it was ready: ${lastWords(logOf(name))}`)),
      };
      kept.push(keepWorker(worker, closing.signal, workerPace));
    });
  try {
    const servers = await Promise.all([start.temporal(), start.s3()]);
    kept.push(
      keepServer('Temporal', servers[0], start.temporal, () => {}, closing.signal, serverPace),
      keepServer('S3', servers[1], start.s3, () => {}, closing.signal, serverPace),
    );
    const ready = Promise.all(['cpu', ...gpus].map(keepWorkerCalled));
    await orAborted(ready, options.signal);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    temporalAddress,
    uiAddress: uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}`,
    s3: { endpoint, bucket, credentials },
    parts,
    process: (part) => processes.find(part),
    trainers,
    close,
  };
}

/** In a process group of its own: a terminal's Ctrl-C is for the starter alone. */
function startGuard(directory: string, parts: readonly string[]): ProcessIdentity | undefined {
  const guard = fork(new URL(`trial-guard${suffix}`, import.meta.url), [directory, ...parts], {
    detached: true,
    execArgv: suffix === '.ts' ? ['--import', import.meta.resolve('tsx')] : [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // Where it can't be started there is none, and the trial goes on.
  guard.on('error', () => undefined);
  // It must not keep the starter alive.
  guard.unref();
  guard.channel?.unref();
  return guard.pid === undefined ? undefined : identify(guard.pid);
}

async function orAborted(ready: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return void (await ready);
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  await Promise.race([ready, aborted]);
}
