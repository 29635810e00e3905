/** A clone's two servers: started, or taken over from a supervisor that was killed. */
import { join } from 'node:path';
import type { ProcessIdentity } from './process-identity.mjs';
import type { Processes } from './processes.ts';
import { serverGraceMs, startS3, startTemporal } from './servers.ts';
import type { Server } from './servers.ts';
import { setUp } from './setup.mjs';
import type { Tools } from './setup.mjs';
import { choosePorts, readPorts } from './state.ts';
import type { Credentials, Ports } from './state.ts';

export const serverNames = ['temporal', 's3'] as const;
type ServerName = (typeof serverNames)[number];

/** A stranger may be faster to a port that was free when it was chosen. */
const startTries = 3;

export interface OpenServers {
  readonly ports: Ports;
  readonly servers: Record<ServerName, Server>;
  /** To start one again, on its port. */
  readonly start: ServerStarts;
}

/** Resolves once both answer. When it throws, one of them may run: `processes` knows it. */
export async function openServers(
  directory: string,
  credentials: Credentials,
  processes: Processes,
): Promise<OpenServers> {
  const binaries = await setUp();
  for (let tries = 1; ; tries += 1) {
    const ports = await choosePorts(directory, await portsOfSurvivors(directory, processes));
    const start = serverStarts(directory, binaries, ports, credentials, processes);
    const [temporal, s3] = await Promise.allSettled([
      start.temporal(processes.find('temporal')),
      start.s3(processes.find('s3')),
    ]);
    if (temporal.status === 'fulfilled' && s3.status === 'fulfilled') {
      return { ports, servers: { temporal: temporal.value, s3: s3.value }, start };
    }
    if (tries < startTries) continue;
    throw [temporal, s3].find((outcome) => outcome.status === 'rejected')?.reason;
  }
}

/** Survivors whose address is not the clone's any more are ended. */
async function portsOfSurvivors(directory: string, processes: Processes): Promise<Set<number>> {
  const saved = readPorts(directory);
  const ports = new Set<number>();
  for (const name of serverNames) {
    const left = processes.find(name);
    if (saved && left?.port === saved[name]) {
      ports.add(saved[name]);
      if (name === 'temporal') ports.add(saved.ui); // one process
    } else {
      await processes.end(name, serverGraceMs);
    }
  }
  return ports;
}

/** Each takes a process that runs already, if there is one. */
type ServerStarts = Record<ServerName, (running: ProcessIdentity | undefined) => Promise<Server>>;

function serverStarts(
  directory: string,
  binaries: Tools,
  ports: Ports,
  credentials: Credentials,
  processes: Processes,
): ServerStarts {
  const common = (name: ServerName) => ({
    port: ports[name],
    log: join(directory, 'logs', `${name}.log`),
    onSpawn: (started: ProcessIdentity) => processes.add(name, { ...started, port: ports[name] }),
  });
  return {
    temporal: (running) =>
      startTemporal({
        ...common('temporal'),
        running,
        binary: binaries.temporal,
        databaseFile: join(directory, 'temporal.db'),
        uiPort: ports.ui,
      }),
    s3: (running) =>
      startS3({
        ...common('s3'),
        running,
        binary: binaries.versitygw,
        directory: join(directory, 's3'),
        ...credentials,
      }),
  };
}
