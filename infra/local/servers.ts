/** The embedded servers: Temporal with its UI, and an S3 server over plain files. On loopback only. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, identify, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

export interface Server {
  /** host:port, of Temporal's gRPC or of S3. */
  readonly address: string;
  readonly process: ProcessIdentity;
  stop(): Promise<void>;
}

/** From starting to the first answer: seconds, but a loaded machine may take longer. */
const readyWithinMs = 60_000;
/** Temporal takes 2 to 3 s to end. */
const graceMs = 10_000;

export interface TemporalSettings {
  readonly binary: string;
  /** Without it, nothing outlives the server. */
  readonly databaseFile?: string;
  readonly port?: number;
  /** Without it, no UI. */
  readonly uiPort?: number;
  readonly log?: string;
}

export async function startTemporal(settings: TemporalSettings): Promise<Server> {
  const port = settings.port ?? (await freePort());
  const { databaseFile, uiPort } = settings;
  if (databaseFile) await mkdir(dirname(databaseFile), { recursive: true });
  const started = await start(
    settings.binary,
    [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port)],
      ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
      // Halves the cost of an activity; a run's own state is safe in either case.
      ...(databaseFile
        ? [
            '--db-filename',
            databaseFile,
            '--sqlite-pragma',
            'journal_mode=wal',
            '--sqlite-pragma',
            'synchronous=normal',
          ]
        : []),
      ...['--ui-disable-news-fetch', '--log-level', 'warn'],
    ],
    {},
    settings.log,
  );
  return ready('Temporal', `127.0.0.1:${port}`, started, () =>
    healthy(settings.binary, `127.0.0.1:${port}`),
  );
}

export interface S3Settings {
  readonly binary: string;
  /** Objects lie below it as plain files: `data/<bucket>/<key>`. */
  readonly directory: string;
  readonly port?: number;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly log?: string;
}

export async function startS3(settings: S3Settings): Promise<Server> {
  const port = settings.port ?? (await freePort());
  const data = join(settings.directory, 'data');
  const versions = join(settings.directory, 'versions');
  await mkdir(data, { recursive: true });
  await mkdir(versions, { recursive: true });
  const address = `127.0.0.1:${port}`;
  const started = await start(
    settings.binary,
    ['--port', address, '--keep-alive', '--quiet', 'posix', '--versioning-dir', versions, data],
    { ROOT_ACCESS_KEY: settings.accessKey, ROOT_SECRET_KEY: settings.secretKey },
    settings.log,
  );
  return ready('versitygw', address, started, () => accepts(port));
}

/** A server that an earlier supervisor started. */
export function adopt(address: string, identity: ProcessIdentity): Server {
  return { address, process: identity, stop: () => end(identity, graceMs) };
}

/** In a process group of its own, so that a terminal's Ctrl-C goes to the supervisor alone. */
async function start(
  binary: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  log: string | undefined,
): Promise<ProcessIdentity> {
  if (log) await mkdir(dirname(log), { recursive: true });
  const out = log ? openSync(log, 'a') : ('ignore' as const);
  const child = spawn(binary, args, {
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, ...environment },
  });
  if (typeof out === 'number') closeSync(out);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', reject);
  });
  child.unref();
  return identify(child.pid!) ?? { pid: child.pid!, startedAt: '' };
}

async function ready(
  name: string,
  address: string,
  identity: ProcessIdentity,
  answers: () => Promise<boolean>,
): Promise<Server> {
  const server = adopt(address, identity);
  const deadline = Date.now() + readyWithinMs;
  while (!(await answers())) {
    if (!isAlive(identity)) throw new Error(`${name} ended before it answered on ${address}`);
    if (Date.now() > deadline) {
      await server.stop();
      throw new Error(`${name} did not answer on ${address} within ${readyWithinMs / 1000} s`);
    }
    await sleep(20);
  }
  return server;
}

function healthy(binary: string, address: string): Promise<boolean> {
  const args = ['operator', 'cluster', 'health', '--address', address];
  return new Promise((resolve) => {
    spawn(binary, args, { stdio: 'ignore' })
      .once('error', () => resolve(false))
      .once('exit', (code) => resolve(code === 0));
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
      .once('connect', () => {
        socket.destroy();
        resolve(true);
      })
      .once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
  });
}
