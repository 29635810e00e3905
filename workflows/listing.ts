/** What Temporal's list of runs shows of a run: search attributes to filter by, and as memo the settings that are its own. */
import { upsertMemo, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { configSchema } from '../contract/config.ts';
import type { Config } from '../contract/config.ts';
import { changesBetween } from '../contract/forks.ts';
import { presets } from '../contract/presets.ts';
import type { PresetName } from '../contract/presets.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import type { SearchValues } from '../contract/search-attributes.ts';

type Pairs = Extract<Parameters<typeof upsertSearchAttributes>[0], readonly unknown[]>;

/** Each time is an event in the history, so only what is new is told. */
export function tellList(values: SearchValues): void {
  const known = workflowInfo().typedSearchAttributes;
  const names = Object.keys(values) as (keyof SearchValues)[];
  const news = names
    .map((name) => ({ key: searchAttributes[name], value: values[name] }))
    .filter(({ key, value }) => known.get(key) !== value);
  if (news.length > 0) upsertSearchAttributes(news as Pairs);
}

/** A list of many classes is no memo. */
const mostSettings = 40;

/** The preset, and each setting that differs from it. */
export function tellSettings(preset: string, config: Config): void {
  // One that goes on from a run of another version may have another one's preset.
  const usual = configSchema.parse(presets[preset as PresetName] ?? {});
  const settings = changesBetween(usual, config)
    // A webhook's address may be a secret.
    .filter(({ key }) => key !== 'webhook')
    .slice(0, mostSettings)
    .map(({ key, after = 'unset' }) => [key, after]);
  upsertMemo({ settings: { preset, ...Object.fromEntries(settings) } });
}
