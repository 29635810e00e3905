/** What a clone keeps of its own stack, below `.nightshift`: ports, credentials, processes, lock. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { identify, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

export interface Ports {
  readonly temporal: number;
  readonly ui: number;
  readonly s3: number;
}

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

const preferredPorts: Ports = { temporal: 7233, ui: 8233, s3: 7070 };

export const stateDirectory = (root: string): string => join(root, '.nightshift');

/** Another `nightshift start` or `dev` runs in this clone. */
export class StackInUse extends Error {
  constructor(pid: number) {
    super(
      `this clone's servers and workers already run under process ${pid}; watch with \`npx nightshift watch\`, or end that process first`,
    );
    this.name = 'StackInUse';
  }
}

/** Takes the clone for this process; the returned function gives it back. Throws `StackInUse`. */
export async function lock(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, 'lock.json');
  const own = identify(process.pid)!;
  for (;;) {
    try {
      await writeFile(path, JSON.stringify(own), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readJson<ProcessIdentity>(path);
    if (holder && isAlive(holder)) throw new StackInUse(holder.pid);
    // Its process is dead. Only one of two heirs can move it away.
    await rename(path, `${path}.${own.pid}`).catch(() => undefined);
    await rm(`${path}.${own.pid}`, { force: true });
  }
}

/** The process that holds the clone's stack, if one lives. */
export async function lockHolder(directory: string): Promise<ProcessIdentity | undefined> {
  const holder = await readJson<ProcessIdentity>(join(directory, 'lock.json'));
  return holder && isAlive(holder) ? holder : undefined;
}

/** The clone's ports; those that a stranger has taken are chosen anew. `ours`: taken by our own living servers. */
export async function choosePorts(directory: string, ours: ReadonlySet<number>): Promise<Ports> {
  const path = join(directory, 'ports.json');
  const wanted = (await readJson<Ports>(path)) ?? preferredPorts;
  const pick = async (port: number): Promise<number> =>
    ours.has(port) || (await isFree(port)) ? port : freePort();
  const ports: Ports = {
    temporal: await pick(wanted.temporal),
    ui: await pick(wanted.ui),
    s3: await pick(wanted.s3),
  };
  await writeJson(path, ports);
  return ports;
}

/** Made once a clone, readable by its owner only. */
export async function credentialsOf(directory: string): Promise<Credentials> {
  const path = join(directory, 'credentials.json');
  const known = await readJson<Credentials>(path);
  if (known) return known;
  const made = {
    accessKey: `nightshift-${randomBytes(4).toString('hex')}`,
    secretKey: randomBytes(24).toString('hex'),
  };
  await writeJson(path, made, 0o600);
  return made;
}

/** A started process, as it is remembered for the next supervisor. */
export interface RememberedProcess extends ProcessIdentity {
  readonly port?: number;
}

const processPath = (directory: string, name: string): string =>
  join(directory, 'processes', `${name}.json`);

export async function remember(
  directory: string,
  name: string,
  known: RememberedProcess,
): Promise<void> {
  await mkdir(join(directory, 'processes'), { recursive: true });
  await writeJson(processPath(directory, name), known);
}

export const forget = (directory: string, name: string): Promise<void> =>
  rm(processPath(directory, name), { force: true });

/** The process of this name that an earlier supervisor started, if it still lives. */
export async function survivor(
  directory: string,
  name: string,
): Promise<RememberedProcess | undefined> {
  const known = await readJson<RememberedProcess>(processPath(directory, name));
  return known && isAlive(known) ? known : undefined;
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

async function writeJson(path: string, value: unknown, mode = 0o644): Promise<void> {
  const part = `${path}.${process.pid}`;
  await writeFile(part, `${JSON.stringify(value)}\n`, { mode });
  await rename(part, path);
}

const isFree = (port: number): Promise<boolean> =>
  listen(port).then(
    () => true,
    () => false,
  );

const freePort = (): Promise<number> => listen(0);

function listen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(port, '127.0.0.1', () => {
        const { port: given } = server.address() as AddressInfo;
        server.close(() => resolve(given));
      });
  });
}
