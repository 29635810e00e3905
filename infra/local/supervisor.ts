/** A clone's own stack: servers and workers, kept alive until it is closed; survivors of a killed supervisor are taken over. */
import { extname, join } from 'node:path';
import { keepServer } from './keep-server.ts';
import { keepWorker } from './keep-worker.ts';
import type { ProcessIdentity } from './process-identity.mjs';
import { openServers, serverNames } from './open-servers.ts';
import { openProcesses, survivor } from './processes.ts';
import type { StackEvent } from './processes.ts';
import { serverGraceMs } from './servers.ts';
import type { Server } from './servers.ts';
import { credentialsOf, isStackHeld, lockStack, readPorts, stateDirectory } from './state.ts';
import type { Credentials, Ports } from './state.ts';

export type { StackEvent } from './processes.ts';
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

/** Starts the clone's stack, or takes over what is left of it; when it throws, nothing is left running. Throws `StackInUse`. */
export async function openLocalStack(options: StackOptions): Promise<LocalStack> {
  const { root, onEvent = () => undefined, workers = ownWorkers } = options;
  const directory = stateDirectory(root);
  const unlock = await lockStack(directory);
  const processes = openProcesses(directory, onEvent);
  process.once('exit', processes.killAll);
  const closing = new AbortController();
  const kept: Promise<void>[] = [];
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all(kept);
    await Promise.all(serverNames.map((name) => processes.end(name, serverGraceMs)));
    process.off('exit', processes.killAll);
    unlock();
  };
  try {
    const credentials = credentialsOf(directory);
    const { ports, servers, start } = await openServers(directory, credentials, processes);
    for (const name of serverNames) {
      const startAgain = (): Promise<Server> => start[name](undefined);
      kept.push(keepServer(name, servers[name], startAgain, onEvent, closing.signal));
    }
    const addresses = addressesOf(directory, ports, credentials);
    for (const [index, [name, script]] of Object.entries(workers).entries()) {
      const remembered = `worker-${name}`;
      await processes.end(remembered, 0);
      const worker = {
        ...{ name, script, onEvent },
        environment: { ...addresses.environment, ...ownMetrics(index) },
        log: join(directory, 'logs', `${remembered}.log`),
        onSpawn: (started: ProcessIdentity) => processes.add(remembered, started),
      };
      kept.push(keepWorker(worker, closing.signal));
    }
    return { ...addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Each worker has a port of its own: the user's, and those after it. */
function ownMetrics(index: number): Record<string, string> {
  const metrics = process.env['NIGHTSHIFT_METRICS'] ?? '';
  return { NIGHTSHIFT_METRICS: metrics.replace(/\d+$/, (port) => String(Number(port) + index)) };
}

/** The addresses of the clone's running stack; undefined when none runs. */
export async function readLocalStack(root: string): Promise<StackAddresses | undefined> {
  const directory = stateDirectory(root);
  const ports = readPorts(directory);
  if (!ports || !isStackHeld(directory) || !survivor(directory, 'temporal')) return undefined;
  return addressesOf(directory, ports, credentialsOf(directory));
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
