/** Parses a run's input and fills every gap: a wrong key, value or combination ends the run at once. */
import { z } from 'zod';
import type { Config } from '../contract/config.ts';
import { overlay, parseOver, parseOverPreset } from '../contract/parse-config.ts';
import type { ParsedConfig } from '../contract/parse-config.ts';
import { defaultPreset } from '../contract/presets.ts';
import type { Takeover } from '../contract/stages.ts';
import { weightsPlace } from '../contract/weights.ts';
import { readChampion } from '../model/champions.ts';
import { readRunRecord } from '../model/run-record.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import type { Step } from './durable.ts';
import { invalid } from './invalid-config.ts';
import type { DataServices } from './services.ts';
import { takeOver } from './take-over.ts';

export interface ResolvedConfig {
  readonly preset: string;
  readonly config: Config;
  /** What is taken over from the run that `resumeFrom` names. */
  readonly takeover?: Takeover;
}

/**
 * `input`: nothing, or `{ preset?, ...any part of the configuration }`, or with `resumeFrom` (a run,
 * by either of its ids, or `{ run, step, input }`) in the place of `preset`: what is left out comes
 * from that run. One that the store does not know, since it never began to train, is begun anew by
 * the `input` it was started with. Throws `InvalidConfig` with a line a problem.
 */
export async function resolveConfig(
  { store }: Pick<DataServices, 'store'>,
  input: unknown,
  { signal }: Pick<Step, 'signal'>,
): Promise<ResolvedConfig> {
  if (input !== undefined && input !== null && !isRecord(input)) {
    throw invalid([`input: expected an object, got ${JSON.stringify(input)}`]);
  }
  // An editor's key: a configuration file is often pasted into the Temporal UI as it is.
  const { $schema: _, preset, resumeFrom, ...own } = input ?? {};
  if (resumeFrom !== undefined) {
    if (preset !== undefined) {
      throw invalid([
        'preset: not beside resumeFrom, whose run has a configuration; leave one out',
      ]);
    }
    const place = parseResumeFrom(resumeFrom);
    const record = await readRunRecord(store, place.run, { signal });
    if (!record && place.input && place.step === undefined) {
      return resolveConfig({ store }, overlay(place.input, own), { signal });
    }
    if (!record) {
      throw invalid([
        `resumeFrom: no run ${JSON.stringify(place.run)} is in bucket ${store.bucket}: give a run's name or id as 'nightshift list' shows it, of one whose workers store in this bucket (NIGHTSHIFT_BUCKET)`,
      ]);
    }
    const config = configOf(parseOver(record.inputs.config, own));
    const takeover = await takeOver(store, record, config, { step: place.step, signal });
    return { preset: record.preset, config, takeover };
  }
  const name = preset ?? defaultPreset;
  const config = configOf(parseOverPreset(name, own));
  return { preset: name as string, config: await withChampion(store, config, { signal }) };
}

/**
 * The champion that the run is to begin with becomes its `model.weights`, by the digest: of another
 * one that follows meanwhile it takes nothing.
 */
async function withChampion(
  store: ObjectStore,
  config: Config,
  options: CallOptions,
): Promise<Config> {
  const { promotion, model } = config;
  const place = weightsPlace(model.weights);
  const isWarm = promotion?.warmStart === 'champion';
  const name = isWarm ? promotion.model : place.kind === 'champion' ? place.model : undefined;
  if (name === undefined) return config;
  const champion = await readChampion(store, name, options);
  if (!champion && place.kind === 'champion') {
    throw invalid([
      `model.weights: ${JSON.stringify(model.weights)}: bucket ${store.bucket} has no champion of this name; 'nightshift models' shows those there are`,
    ]);
  }
  if (!champion) return config;
  const weightsSha256 = isWarm ? champion.digest : (model.weightsSha256 ?? champion.digest);
  return { ...config, model: { ...model, weights: `champion:${name}`, weightsSha256 } };
}

const placeSchema = z.strictObject({
  run: z.string().min(1),
  step: z.int().min(1).optional(),
  input: z.record(z.string(), z.unknown()).optional(),
});
const resumeFromSchema = z.union([z.string().min(1), placeSchema]);

function parseResumeFrom(value: unknown): z.infer<typeof placeSchema> {
  const parsed = resumeFromSchema.safeParse(value);
  if (!parsed.success) {
    const shown = JSON.stringify(value);
    throw invalid([`resumeFrom: ${shown}: must be a run, or { "run": .., "step": .. }`]);
  }
  return typeof parsed.data === 'string' ? { run: parsed.data } : parsed.data;
}

/** Throws `InvalidConfig` with what is wrong. */
function configOf(parsed: ParsedConfig): Config {
  if ('problems' in parsed) throw invalid(parsed.problems);
  return parsed.config;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
