/** The way to a Temporal server: what the environment or temporal.toml names, else the clone's own running stack. */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { ConnectionOptions as ClientConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { StackAddresses } from '../infra/local/supervisor.ts';
import type { ObjectStore } from '../storage/store.ts';
import { askOf, orderDeadlineMs } from './ask.ts';
import { CommandError, exitCodes } from './cli.ts';
import { registryOf } from './registry.ts';
import type { Registry } from './registry.ts';
import { runsOf } from './runs.ts';
import type { Runs } from './runs.ts';
import { schedulesOf } from './schedules.ts';
import type { Schedules } from './schedules.ts';
import { openStoreOf } from './store.ts';
import { makeTemplates } from './templates.ts';
import type { Place } from './view/outcome.ts';

/** A server, and what is known of what stands beside it. */
export interface Servers {
  readonly runs: Runs;
  readonly registry: Registry;
  readonly schedules: Schedules;
  /** Makes the inputs that the UI's start forms begin with. */
  makeTemplates(): Promise<void>;
  /** The bucket of its workers: that of the clone's own stack, else the one that the environment names. */
  openStore(): Promise<ObjectStore>;
  readonly address: string;
  readonly namespace: string;
  /** The Temporal UI's address; known for a clone's own stack. */
  readonly uiAddress?: string;
  /** The folder with the bucket's objects as plain files; known for a clone's own stack. */
  readonly objects?: string;
  close(): Promise<void>;
}

/** A clone's own stack, of which all is known. */
export type StackServers = Servers & Required<Pick<Servers, 'uiAddress' | 'objects'>>;

/** Throws `CommandError` when no server is named and none runs in the clone, or none answers. */
export async function connect(root: string): Promise<Servers> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  if (connectionOptions.address !== undefined) {
    return connectTo({ ...connectionOptions, address: connectionOptions.address }, namespace);
  }
  const { readLocalStack } = await import('../infra/local/supervisor.ts');
  const stack = await readLocalStack(root);
  if (!stack) {
    throw new CommandError(
      "There is no Temporal server to talk to: set TEMPORAL_ADDRESS, or start this clone's own with `npm run dev`.",
    );
  }
  return connectToStack(root, stack);
}

/** Connects to a clone's own stack. */
export async function connectToStack(
  root: string,
  {
    temporalAddress,
    uiAddress,
    environment,
  }: Pick<StackAddresses, 'temporalAddress' | 'uiAddress' | 'environment'>,
): Promise<StackServers> {
  return {
    ...(await connectTo({ address: temporalAddress, channelArgs: noProxy }, 'default')),
    uiAddress,
    openStore: () => openStoreOf(environment),
    objects: join(root, '.nightshift', 's3', 'data', 'nightshift'),
  };
}

/** A run's page in the Temporal UI, where its address is known. */
export function pageOf(
  { uiAddress, namespace }: Pick<Servers, 'uiAddress' | 'namespace'>,
  id: string,
): string | undefined {
  return uiAddress && `${uiAddress}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
}

/** Where a user finds the run and what it made. */
export function placeOf(
  servers: Pick<Servers, 'uiAddress' | 'namespace' | 'objects'>,
  id: string,
  cwd: string,
): Place {
  const { objects } = servers;
  const page = pageOf(servers, id);
  return { run: id, cwd, ...(page && { page }), ...(objects && { objects }) };
}

/** Loopback is nobody's proxy's business. */
export const noProxy = { 'grpc.enable_http_proxy': 0 };

/** As the environment has them, with the address. */
export type ConnectionOptions = ReturnType<typeof loadClientConnectConfig>['connectionOptions'] &
  Pick<ClientConnectionOptions, 'channelArgs'> & { address: string };

/** Throws when no server answers within seconds. */
export function openConnection(options: ConnectionOptions): Promise<Connection> {
  return Connection.connect({
    ...options,
    connectTimeout: '5 seconds',
    // A local server that was killed is back in a second; the default waits for up to two minutes.
    channelArgs: { 'grpc.max_reconnect_backoff_ms': 1_000, ...options.channelArgs },
  });
}

/** Throws `CommandError` when no server answers there. */
export async function connectTo(options: ConnectionOptions, namespace: string): Promise<Servers> {
  const { address } = options;
  let connection: Connection;
  try {
    connection = await openConnection(options);
  } catch (error) {
    throw new CommandError(
      `No Temporal server answers at ${address}: check that it runs, and TEMPORAL_ADDRESS and the TEMPORAL_TLS_ variables.`,
      exitCodes.failed,
      error,
    );
  }
  const closing = new AbortController();
  // The SDK (1.23) adds a listener a call, and leaves it there.
  setMaxListeners(0, closing.signal);
  const client = new Client({ connection, namespace });
  return {
    runs: runsOf(client, closing.signal),
    registry: registryOf(client, closing.signal),
    schedules: schedulesOf(client, closing.signal),
    makeTemplates: () =>
      askOf(client, closing.signal)('', () => makeTemplates(client), orderDeadlineMs),
    openStore: () => openStoreOf(process.env),
    address,
    namespace,
    close() {
      closing.abort();
      return connection.close();
    },
  };
}
