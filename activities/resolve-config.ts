/** Parses a run's input and fills every gap: a wrong key, value or combination ends the run at once. */
import { z } from 'zod';
import { configSchema } from '../contract/config.ts';
import type { Config } from '../contract/config.ts';
import { defaultPreset, presetNames, presets } from '../contract/presets.ts';
import type { PresetName } from '../contract/presets.ts';
import { featuresKept } from '../contract/stages.ts';
import type { Takeover } from '../contract/stages.ts';
import { weightsPlace } from '../contract/weights.ts';
import { readRunRecord } from '../model/run-record.ts';
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

/** Images in the datasets that are known by name. */
const knownSamples: Readonly<Record<string, number>> = {
  cifar10: 60_000,
  cifar100: 60_000,
  imagenette: 13_394,
  'imagenette2-160': 13_394,
  'imagenette2-320': 13_394,
  imagenette2: 13_394,
};

/**
 * `input`: nothing, or `{ preset?, ...any part of the configuration }`, or with `resumeFrom` (a run,
 * by either of its ids, or `{ run, step }`) in the place of `preset`: what is left out comes from
 * that run. Throws `InvalidConfig` with a line a problem.
 */
export async function resolveConfig(
  { store }: Pick<DataServices, 'store'>,
  input: unknown,
  { signal }: Pick<Step, 'signal'>,
): Promise<ResolvedConfig> {
  if (input !== undefined && input !== null && !isRecord(input)) {
    throw invalid([`input: expected an object, got ${JSON.stringify(input)}`]);
  }
  const { preset, resumeFrom, ...own } = input ?? {};
  if (resumeFrom !== undefined) {
    if (preset !== undefined) {
      throw invalid([
        'preset: not beside resumeFrom, whose run has a configuration; leave one out',
      ]);
    }
    const place = parseResumeFrom(resumeFrom);
    const record = await readRunRecord(store, place.run, { signal });
    if (!record)
      throw invalid([`resumeFrom: no run ${JSON.stringify(place.run)} is in this bucket`]);
    const config = parseConfig(overlay(record.inputs.config, own));
    const takeover = await takeOver(store, record, config, { step: place.step, signal });
    return { preset: record.preset, config, takeover };
  }
  const name = preset ?? defaultPreset;
  if (!isPreset(name)) {
    throw invalid([`preset: ${JSON.stringify(name)} is none of ${presetNames.join(', ')}`]);
  }
  return { preset: name, config: parseConfig(overlay(presets[name], own)) };
}

const resumeFromSchema = z.union([
  z.string().min(1),
  z.strictObject({ run: z.string().min(1), step: z.int().min(1).optional() }),
]);

function parseResumeFrom(value: unknown): { run: string; step?: number | undefined } {
  const parsed = resumeFromSchema.safeParse(value);
  if (!parsed.success) {
    const shown = JSON.stringify(value);
    throw invalid([`resumeFrom: ${shown}: must be a run, or { "run": .., "step": .. }`]);
  }
  return typeof parsed.data === 'string' ? { run: parsed.data } : parsed.data;
}

function parseConfig(merged: unknown): Config {
  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) {
    throw invalid(parsed.error.issues.flatMap((issue) => linesOf(issue, merged)));
  }
  const problems = conflicts(parsed.data);
  if (problems.length > 0) throw invalid(problems);
  return parsed.data;
}

/** A line a key: the key, its value where it has one, and the rule. */
function linesOf(issue: z.core.$ZodIssue, input: unknown): string[] {
  const line = (path: readonly PropertyKey[], rule: string): string => {
    const value = path.reduce(
      (part, key) => (isRecord(part) ? part[String(key)] : undefined),
      input,
    );
    const shown = value === undefined ? '' : `${JSON.stringify(value)}: `;
    return `${path.join('.') || 'input'}: ${shown}${rule}`;
  };
  if (issue.code !== 'unrecognized_keys') return [line(issue.path, issue.message)];
  return issue.keys.map((key) =>
    line([...issue.path, key], 'there is no such key; contract/config.ts has those there are'),
  );
}

/** Combinations that can't train. */
function* conflictsOf(config: Config): Generator<string> {
  const { dataset, model, training, augment } = config;
  const known = Math.min(dataset.limit ?? Infinity, knownSamples[dataset.source] ?? Infinity);
  const trainingSamples = Math.floor(known * dataset.split.train);
  if (training.batchSize > trainingSamples) {
    yield `training.batchSize: ${training.batchSize} is larger than the training set, about ${trainingSamples} images (${dataset.split.train} of ${known})`;
  }
  if (model.weights === 'none' && model.trainable !== 'all') {
    yield `model.trainable: '${model.trainable}' freezes convolutions that model.weights 'none' leaves random; use 'all', or give weights`;
  }
  const { kind } = weightsPlace(model.weights);
  if ((kind === 'imagenet' || kind === 'file') && model.stem === 'small') {
    yield `model.stem: 'small' does not fit pretrained weights, which have the imagenet stem; use 'imagenet', or weights 'none'`;
  }
  const mixes = (['mixup', 'cutmix'] as const).filter((key) => augment[key] !== undefined);
  if (featuresKept(config).train && mixes.length > 0) {
    yield `augment.${mixes[0]}: images can't be mixed where a head learns from kept features; leave it out, or augment.views`;
  }
  if (augment.cropPadding * 2 >= model.imageSize) {
    yield `augment.cropPadding: ${augment.cropPadding} px on each side is too much for images of ${model.imageSize} px; use less than half`;
  }
}

const conflicts = (config: Config): string[] => [...conflictsOf(config)];

/**
 * `own` laid over `base`, key by key. What has another `name` (an optimizer) is another thing:
 * nothing of the base's fits it.
 */
function overlay(base: unknown, own: unknown): unknown {
  if (!isRecord(base) || !isRecord(own)) return own === undefined ? base : own;
  if (own['name'] !== undefined && own['name'] !== base['name']) return own;
  const keys = new Set([...Object.keys(base), ...Object.keys(own)]);
  return Object.fromEntries([...keys].map((key) => [key, overlay(base[key], own[key])]));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPreset = (name: unknown): name is PresetName => presetNames.includes(name as PresetName);
