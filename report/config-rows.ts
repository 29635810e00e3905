/** A configuration as rows, each with whether it differs from the preset. */
import { configSchema } from '../contract/config.ts';
import type { Config, ConfigInput } from '../contract/config.ts';

export interface ConfigRow {
  /** Dotted, as `--set` takes it. */
  readonly key: string;
  readonly value: string;
  readonly differs: boolean;
}

/** `preset`: as `contract/presets.ts` has it; the defaults fill its gaps. */
export function configRows(config: Config, preset: ConfigInput): ConfigRow[] {
  const unchanged = new Map(flatten(configSchema.parse(preset)));
  return flatten(withHostOnly(config)).map(([key, value]) => ({
    key,
    value,
    differs: unchanged.get(key) !== value,
  }));
}

/** Of a webhook its host: the rest of an address may be a secret, and a report goes round. */
function withHostOnly({ webhook, ...config }: Config): Config {
  if (webhook === undefined) return config;
  return { ...config, webhook: webhook === 'worker' ? webhook : new URL(webhook).host };
}

function flatten(value: unknown, path: readonly string[] = []): [key: string, value: string][] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, part]) => flatten(part, [...path, key]));
  }
  return [[path.join('.'), String(value)]];
}
