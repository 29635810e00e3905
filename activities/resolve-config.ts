/** Parses a run's input and fills every gap: a wrong key, value or combination ends the run at once. */
import { configSchema } from '../contract/config.ts';
import type { Config } from '../contract/config.ts';
import { NightshiftError } from '../contract/failures.ts';
import { defaultPreset, presetNames, presets } from '../contract/presets.ts';
import type { PresetName } from '../contract/presets.ts';

export interface ResolvedConfig {
  readonly preset: PresetName;
  readonly config: Config;
}

/** Images in the datasets that are known by name. */
const knownSamples: Readonly<Record<string, number>> = { cifar10: 60_000 };

/** `input`: nothing, or `{ preset?, ...any part of the configuration }`. Throws `InvalidConfig` with a line a problem. */
export async function resolveConfig(input?: unknown): Promise<ResolvedConfig> {
  if (input !== undefined && input !== null && !isRecord(input)) {
    throw invalid([`input: expected an object, got ${JSON.stringify(input)}`]);
  }
  const { preset = defaultPreset, ...own } = input ?? {};
  if (!isPreset(preset)) {
    throw invalid([`preset: ${JSON.stringify(preset)} is none of ${presetNames.join(', ')}`]);
  }
  const merged = overlay(presets[preset], own);
  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) => {
        const value = issue.path.reduce<unknown>(
          (part, key) => (isRecord(part) ? part[String(key)] : undefined),
          merged,
        );
        const shown =
          value === undefined || issue.code === 'unrecognized_keys'
            ? ''
            : `${JSON.stringify(value)}: `;
        return `${issue.path.join('.') || 'input'}: ${shown}${issue.message}`;
      }),
    );
  }
  const problems = conflicts(parsed.data);
  if (problems.length > 0) throw invalid(problems);
  return { preset, config: parsed.data };
}

/** Combinations that can't train. */
function* conflictsOf({ dataset, model, training, augment }: Config): Generator<string> {
  const known = Math.min(dataset.limit ?? Infinity, knownSamples[dataset.source] ?? Infinity);
  const trainingSamples = Math.floor(known * dataset.split.train);
  if (training.batchSize > trainingSamples) {
    yield `training.batchSize: ${training.batchSize} is larger than the training set, about ${trainingSamples} images (${dataset.split.train} of ${known})`;
  }
  if (model.weights === 'none' && model.trainable !== 'all') {
    yield `model.trainable: '${model.trainable}' freezes convolutions that model.weights 'none' leaves random; use 'all', or give weights`;
  }
  if (model.weights !== 'none' && model.stem === 'small') {
    yield `model.stem: 'small' does not fit pretrained weights, which have the imagenet stem; use 'imagenet', or weights 'none'`;
  }
  if (augment.cropPadding * 2 >= model.imageSize) {
    yield `augment.cropPadding: ${augment.cropPadding} px on each side is too much for images of ${model.imageSize} px; use less than half`;
  }
}

const conflicts = (config: Config): string[] => [...conflictsOf(config)];

function invalid(problems: string[]): NightshiftError {
  return new NightshiftError(
    'InvalidConfig',
    `the configuration is not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    { details: { problems } },
  );
}

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
