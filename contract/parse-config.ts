/** From a part of a configuration to a whole one: laid over another, every gap filled, every value checked. */
import { configSchema } from './config.ts';
import type { Config } from './config.ts';
import { knownSamples } from './known-samples.ts';
import { modelNameRule, modelNameSchema } from './model-name.ts';
import { presetNames, presets } from './presets.ts';
import type { PresetName } from './presets.ts';
import { isRecord, problemLines } from './problem-lines.ts';
import { featuresKept } from './stages.ts';
import { weightsPlace } from './weights.ts';

/** The configuration, or a line a problem: the key, its value where it has one, and the rule. */
export type ParsedConfig = { readonly config: Config } | { readonly problems: readonly string[] };

const keys = 'contract/config.ts has those there are';

/** What a user writes, laid over the preset of this name. */
export function parseOverPreset(preset: unknown, own: unknown): ParsedConfig {
  if (!isPreset(preset)) {
    return { problems: [`preset: ${JSON.stringify(preset)} is none of ${presetNames.join(', ')}`] };
  }
  const parsed = parseOver(presets[preset], own);
  const problems = 'config' in parsed ? [...doubleBegin(parsed.config)] : [];
  return problems.length > 0 ? { problems } : parsed;
}

/** What a user writes, laid over a configuration. */
export function parseOver(base: unknown, own: unknown): ParsedConfig {
  const merged = cropPhotographs(overlay(base, own));
  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) {
    return { problems: parsed.error.issues.flatMap((issue) => problemLines(issue, merged, keys)) };
  }
  const problems = [...conflictsOf(parsed.data)];
  return problems.length > 0 ? { problems } : { config: parsed.data };
}

/** Larger images than CIFAR's are photographs: where nothing is said of it, they are cropped as such. */
function cropPhotographs(input: unknown): unknown {
  if (!isRecord(input)) return input;
  const { model, augment = {} } = input;
  const isLarge =
    isRecord(model) && typeof model['imageSize'] === 'number' && model['imageSize'] > 32;
  if (!isLarge || !isRecord(augment) || 'crop' in augment || 'cropPadding' in augment) return input;
  return { ...input, augment: { ...augment, crop: {} } };
}

/** Combinations that can't train. */
function* conflictsOf(config: Config): Generator<string> {
  const { dataset, model, training, augment } = config;
  const known = Math.min(dataset.limit ?? Infinity, knownSamples[dataset.source] ?? Infinity);
  // How a source is divided itself shows once it is there.
  const share = dataset.split === 'own' ? 1 : dataset.split.train;
  const trainingSamples = Math.floor(known * share);
  if (training.batchSize > trainingSamples) {
    yield `training.batchSize: ${training.batchSize} is larger than the training set, about ${trainingSamples} images (${share} of ${known})`;
  }
  if (model.weights === 'none' && model.trainable !== 'all') {
    yield `model.trainable: '${model.trainable}' freezes convolutions that model.weights 'none' leaves random; use 'all', or give weights`;
  }
  const place = weightsPlace(model.weights);
  if ((place.kind === 'imagenet' || place.kind === 'file') && model.stem === 'small') {
    yield `model.stem: 'small' does not fit pretrained weights, which have the imagenet stem; use 'imagenet', or weights 'none'`;
  }
  if (place.kind === 'champion' && !modelNameSchema.safeParse(place.model).success) {
    yield `model.weights: ${JSON.stringify(model.weights)}: a model's name ${modelNameRule}`;
  }
  const mixes = (['mixup', 'cutmix'] as const).filter((key) => augment[key] !== undefined);
  if (featuresKept(config).train && mixes.length > 0) {
    yield `augment.${mixes[0]}: images can't be mixed where a head learns from kept features; leave it out, or augment.views`;
  }
  if (augment.cropPadding * 2 >= model.imageSize) {
    yield `augment.cropPadding: ${augment.cropPadding} px on each side is too much for images of ${model.imageSize} px; use less than half`;
  }
}

/** Asked of what a user writes alone: a run's own configuration has both, once its warm start is resolved. */
function* doubleBegin({ promotion, model }: Config): Generator<string> {
  if (promotion?.warmStart === 'champion' && weightsPlace(model.weights).kind === 'champion') {
    yield `model.weights: ${JSON.stringify(model.weights)} beside promotion.warmStart 'champion', which says where training begins too; leave one out`;
  }
}

/**
 * `own` laid over `base`, key by key. What has another `name` (an optimizer) is another thing:
 * nothing of the base's fits it.
 */
export function overlay(base: unknown, own: unknown): unknown {
  if (!isRecord(base) || !isRecord(own)) return own === undefined ? base : own;
  if (own['name'] !== undefined && own['name'] !== base['name']) return own;
  const keys = new Set([...Object.keys(base), ...Object.keys(own)]);
  return Object.fromEntries([...keys].map((key) => [key, overlay(base[key], own[key])]));
}

const isPreset = (name: unknown): name is PresetName => presetNames.includes(name as PresetName);
