/** The embedded servers: Temporal with its UI, and an S3 server over plain files. On loopback only. */
import { spawn } from 'node:child_process';
import type { StdioOptions } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { localEnvironment } from './environment.ts';
import { lastWords, withLog } from './logs.ts';
import { freePort, listens } from './ports.ts';
import { httpAnswers, temporalAnswers } from './probes.ts';
import { end, identify, isAlive } from './process-identity.mjs';
import type { ProcessIdentity } from './process-identity.mjs';

export interface Server {
  /** host:port, of Temporal's gRPC or of S3. */
  readonly address: string;
  readonly process: ProcessIdentity;
  /** Within seconds. */
  answers(): Promise<boolean>;
  stop(): Promise<void>;
}

/** From starting to the first answer: seconds, but a loaded machine may take longer. */
const readyWithinMs = 60_000;
const freePortTries = 3;
/** Temporal takes 2 to 3 s to end. */
export const serverGraceMs = 10_000;

interface LaunchSettings {
  readonly binary: string;
  readonly port?: number;
  readonly log?: string;
  /** A process that runs on `port` already: taken over, once it answers. */
  readonly running?: ProcessIdentity | undefined;
  /** Called in the tick of the start: the server answers much later. */
  readonly onSpawn?: (started: ProcessIdentity) => void;
}

export interface TemporalSettings extends LaunchSettings {
  /** Without it, nothing outlives the server. */
  readonly databaseFile?: string;
  /** Without it, no UI. */
  readonly uiPort?: number;
  /** The server's own settings, in the place of its defaults. */
  readonly dynamicConfig?: Readonly<Record<string, number>>;
}

export async function startTemporal(settings: TemporalSettings): Promise<Server> {
  const { databaseFile, uiPort, dynamicConfig = {} } = settings;
  if (databaseFile) mkdirSync(dirname(databaseFile), { recursive: true });
  return launchOnPort(settings, (port) => ({
    ...settings,
    name: 'Temporal',
    port,
    args: [
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
      ...Object.entries(dynamicConfig).flatMap(([name, value]) => [
        '--dynamic-config-value',
        `${name}=${value}`,
      ]),
      ...['--ui-disable-news-fetch', '--log-level', 'warn'],
    ],
    environment: {},
    answers: () => temporalAnswers(port),
  }));
}

export interface S3Settings extends LaunchSettings {
  /** Objects lie below it as plain files: `data/<bucket>/<key>`. */
  readonly directory: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export async function startS3(settings: S3Settings): Promise<Server> {
  const data = join(settings.directory, 'data');
  const versions = join(settings.directory, 'versions');
  mkdirSync(data, { recursive: true });
  mkdirSync(versions, { recursive: true });
  return launchOnPort(settings, (port) => ({
    ...settings,
    name: 'versitygw',
    port,
    args: [
      ...['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet'],
      ...['posix', '--versioning-dir', versions, data],
    ],
    environment: { ROOT_ACCESS_KEY: settings.accessKey, ROOT_SECRET_KEY: settings.secretKey },
    answers: () => httpAnswers(port),
  }));
}

/** On the port that is asked for; else on a free one, and when another process was faster to it on another. */
async function launchOnPort(
  { port }: LaunchSettings,
  launchOn: (port: number) => Launch,
): Promise<Server> {
  if (port !== undefined) return launch(launchOn(port));
  for (let tries = 1; ; tries += 1) {
    try {
      return await launch(launchOn(await freePort()));
    } catch (error) {
      if (tries === freePortTries) throw error;
    }
  }
}

interface Launch extends LaunchSettings {
  readonly name: string;
  readonly port: number;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly answers: () => Promise<boolean>;
}

/** Resolves once the server answers; when it throws, the server does not run. */
async function launch(settings: Launch): Promise<Server> {
  const { name, port, answers, log } = settings;
  const identity = settings.running ?? (await spawnServer(settings));
  const address = `127.0.0.1:${port}`;
  const stop = (): Promise<void> => end(identity, serverGraceMs);
  const deadline = performance.now() + readyWithinMs;
  while (!((await answers()) && listens(identity.pid, port))) {
    if (!isAlive(identity)) {
      const words = log ? `: ${lastWords(log)}` : '';
      throw new Error(`${name} ended before it answered on ${address}${words}`);
    }
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`${name} did not answer on ${address} within ${readyWithinMs / 1000} s`);
    }
    await sleep(20);
  }
  return { address, process: identity, answers, stop };
}

/** Waits for a line on its input; when that closes without one, it ends. */
const onceTold = 'read told && exec "$0" "$@" < /dev/null';

/**
 * In a process group of its own, so that a terminal's Ctrl-C goes to the supervisor alone. It
 * becomes the server only once `onSpawn` has returned: a supervisor killed before it has written
 * the process down leaves none.
 */
async function spawnServer({
  binary,
  args,
  environment,
  log,
  onSpawn,
}: Launch): Promise<ProcessIdentity> {
  const spawnWith = (out: number | 'ignore') => {
    const stdio: StdioOptions = ['pipe', out, out];
    const env = localEnvironment(environment);
    return spawn('/bin/sh', ['-c', onceTold, binary, ...args], { detached: true, stdio, env });
  };
  const child = log ? withLog(log, spawnWith) : spawnWith('ignore');
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity) onSpawn?.(identity);
  // It may have ended already; whether it lives is looked at anyway.
  child.stdin?.on('error', () => undefined).end('go\n');
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', reject);
  });
  child.unref();
  return identity ?? { pid: child.pid!, startedAt: '' };
}
