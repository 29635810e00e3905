/** The settings of a worker's process, out of its environment. */
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { webhookAddressSchema } from '../contract/webhook.ts';

const environmentSchema = z.object({
  /** The bucket that holds everything. Endpoint, region and credentials are the AWS SDK's own variables. */
  NIGHTSHIFT_BUCKET: z.string().min(3).default('nightshift'),
  /**
   * Where the shard cache and what is under way lie; anything there may be deleted when no worker
   * runs. Workers of one machine may share it, containers not: a process is known there by its id.
   */
  NIGHTSHIFT_STATE: z.string().min(1).default(join(tmpdir(), 'nightshift')),
  /** The shard cache lets go of what was used longest ago beyond this. */
  NIGHTSHIFT_CACHE_GIB: z.coerce.number().positive().default(20),
  /** Data activities at once; without it, as many as leave a processor to the rest. */
  NIGHTSHIFT_DATA_SLOTS: z.coerce
    .number()
    .int()
    .min(1)
    .default(Math.max(1, availableParallelism() - 1)),
  /** 1: end at once when TensorFlow sees no GPU. */
  REQUIRE_GPU: z.enum(['0', '1']).default('0'),
  /** Of whom the end of a run with `webhook: worker` is told, and what calls are signed with. */
  NIGHTSHIFT_WEBHOOK: webhookAddressSchema.optional(),
  NIGHTSHIFT_WEBHOOK_KEY: z.string().min(16).optional(),
  /** `json`: a line of JSON an entry, with run, step and attempt where they are known. */
  LOG_FORMAT: z.enum(['text', 'json']).default('text'),
  /** Where Prometheus finds `/metrics`: a port, on loopback, or address:port. Without it, nowhere. */
  NIGHTSHIFT_METRICS: z
    .string()
    .regex(/^(.+:)?\d+$|^$/, 'must be a port, such as 9464, or address:port')
    .optional(),
  /** Empty: AWS's own. */
  AWS_ENDPOINT_URL_S3: z
    .url({ protocol: /^https?$/, error: 'must be an address, such as http://127.0.0.1:9000' })
    .or(z.literal(''))
    .optional(),
  AWS_REGION: z.string().default('us-east-1'),
});

export interface Settings {
  readonly bucket: string;
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly stateDirectory: string;
  readonly cacheBytes: number;
  readonly dataSlots: number;
  readonly requireGpu: boolean;
  readonly webhook: { readonly address?: string | undefined; readonly key?: string | undefined };
  readonly logFormat: 'text' | 'json';
  /** address:port */
  readonly metricsAddress: string | undefined;
}

/** Their values are shown to no one: an address may hold a secret too. */
const secret: ReadonlySet<string> = new Set(['NIGHTSHIFT_WEBHOOK', 'NIGHTSHIFT_WEBHOOK_KEY']);

/** Throws one line a wrong variable. */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    throw new Error(
      parsed.error.issues
        .map(({ path, message }) => {
          const name = String(path[0]);
          return secret.has(name)
            ? `${name}: ${message}`
            : `${name}=${environment[name] ?? ''}: ${message}`;
        })
        .join('\n'),
    );
  }
  const values = parsed.data;
  return {
    bucket: values.NIGHTSHIFT_BUCKET,
    endpoint: values.AWS_ENDPOINT_URL_S3 || undefined,
    region: values.AWS_REGION,
    stateDirectory: values.NIGHTSHIFT_STATE,
    cacheBytes: values.NIGHTSHIFT_CACHE_GIB * 2 ** 30,
    dataSlots: values.NIGHTSHIFT_DATA_SLOTS,
    requireGpu: values.REQUIRE_GPU === '1',
    webhook: { address: values.NIGHTSHIFT_WEBHOOK, key: values.NIGHTSHIFT_WEBHOOK_KEY },
    logFormat: values.LOG_FORMAT,
    metricsAddress: addressOf(values.NIGHTSHIFT_METRICS),
  };
}

const addressOf = (metrics = ''): string | undefined =>
  /^\d+$/.test(metrics) ? `127.0.0.1:${metrics}` : metrics || undefined;
