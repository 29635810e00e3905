/** Whom `doctor` looks at: the servers that the environment names, else the clone's own. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readLocalStack } from '../../infra/local/supervisor.ts';
import { stateDirectory } from '../../infra/local/state.ts';
import { readSettings } from '../../workers/settings.ts';
import type { Settings } from '../../workers/settings.ts';
import { noProxy } from '../connect.ts';
import type { ConnectionOptions } from '../connect.ts';

export interface Target {
  /** As a worker of these servers reads them. */
  readonly settings: Settings;
  /** Absent: the clone's own, which are not up. */
  readonly servers?: {
    readonly own: boolean;
    readonly temporal: ConnectionOptions;
    readonly namespace: string;
    /** Absent: the AWS SDK finds them. */
    readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
}

/** Throws what is wrong with the environment's variables. */
export async function targetOf(root: string): Promise<Target> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const { address } = connectionOptions;
  if (address !== undefined) {
    const temporal = { ...connectionOptions, address };
    return { settings: readSettings(), servers: { own: false, temporal, namespace } };
  }
  const stack = await readLocalStack(root);
  if (!stack) {
    const NIGHTSHIFT_STATE = stateDirectory(root);
    return { settings: readSettings({ ...process.env, NIGHTSHIFT_STATE }) };
  }
  const { environment } = stack;
  return {
    settings: readSettings({ ...process.env, ...environment }),
    servers: {
      own: true,
      temporal: { address: stack.temporalAddress, channelArgs: noProxy },
      namespace: environment['TEMPORAL_NAMESPACE']!,
      credentials: {
        accessKeyId: environment['AWS_ACCESS_KEY_ID']!,
        secretAccessKey: environment['AWS_SECRET_ACCESS_KEY']!,
      },
    },
  };
}
