/** What a clone keeps of its own stack, below `.nightshift`: lock, ports, credentials. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock, lockHolder } from './lock.mjs';
import { freePort, isFree } from './ports.ts';

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

/** `installPackages` of packages.mjs takes it too. */
const lockPath = (directory: string): string => join(directory, 'lock.json');
const portsPath = (directory: string): string => join(directory, 'ports.json');

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
export function lockStack(directory: string): Promise<() => void> {
  return lock(lockPath(directory), ({ pid }) => {
    throw new StackInUse(pid);
  });
}

/** Whether a process holds the clone's stack. */
export const isStackHeld = (directory: string): boolean =>
  lockHolder(lockPath(directory)) !== undefined;

/** The clone's ports; those that a stranger has taken are chosen anew. `ours`: taken by our own living servers. */
export async function choosePorts(directory: string, ours: ReadonlySet<number>): Promise<Ports> {
  const wanted = readPorts(directory) ?? preferredPorts;
  const pick = async (port: number): Promise<number> =>
    ours.has(port) || (await isFree(port)) ? port : freePort();
  const ports: Ports = {
    temporal: await pick(wanted.temporal),
    ui: await pick(wanted.ui),
    s3: await pick(wanted.s3),
  };
  writeJson(portsPath(directory), ports);
  return ports;
}

/** The ports chosen last. */
export const readPorts = (directory: string): Ports | undefined =>
  readJson(portsPath(directory)) as Ports | undefined;

/** Made once a clone, readable by its owner only. */
export function credentialsOf(directory: string): Credentials {
  const path = join(directory, 'credentials.json');
  const known = readJson(path) as Credentials | undefined;
  if (known) return known;
  const made = {
    accessKey: `nightshift-${randomBytes(4).toString('hex')}`,
    secretKey: randomBytes(24).toString('hex'),
  };
  writeJson(path, made, 0o600);
  return made;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whole or not at all. */
export function writeJson(path: string, value: unknown, mode = 0o644): void {
  const part = `${path}.${process.pid}`;
  writeFileSync(part, `${JSON.stringify(value)}\n`, { mode });
  renameSync(part, path);
}
