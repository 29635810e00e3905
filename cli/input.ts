/** A run's input from the command line: `--preset`, `--config`, `--source` and `--set` laid over one another. */
import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { knownSamples } from '../contract/known-samples.ts';
import { defaultPreset, presetNames } from '../contract/presets.ts';
import type { PresetName } from '../contract/presets.ts';
import { CommandError } from './cli.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonRecord;
export interface JsonRecord {
  readonly [key: string]: JsonValue;
}

/** `a.b=c` as it was parsed. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: JsonValue;
}

/** The options as commander hands them over. */
export interface InputOptions {
  readonly preset?: PresetName;
  /** A file's path; `readConfigFile` has what it holds. */
  readonly config?: string;
  readonly source?: string;
  readonly set?: readonly Setting[];
}

/** What the workflow is started with: a preset's name, and what is laid over it. */
export type RunInput = JsonRecord;

/** Adds `--preset`, `--config`, `--source` and `--set` to a command. */
export function addInputOptions(command: Command): Command {
  return addSetOption(
    addSourceOption(
      command
        .addOption(
          new Option(
            '--preset <name>',
            `the configuration to start from (default: ${defaultPreset})`,
          ).choices(presetNames),
        )
        .option(
          '--config <file>',
          'a JSON or YAML file with any part of the configuration, laid over the preset; its paths begin at its folder',
        ),
    ),
  );
}

/** Adds `--source` to a command. */
export function addSourceOption(command: Command): Command {
  return command.option(
    '--source <address>',
    'where the images are: a known name such as cifar10, or the path (from the current folder) or file:, http(s): or s3: address of an archive, a folder, a manifest or TFRecord files',
  );
}

/** Adds `--set` to a command. */
export function addSetOption(command: Command): Command {
  return command.option(
    '--set <key=value>',
    'set one key of the configuration, its value as JSON or a plain string, a path from the current folder; may be repeated',
    (text: string, before: readonly Setting[] | undefined) => [
      ...(before ?? []),
      parseSetting(text),
    ],
  );
}

/** Parses `a.b=c`: the value as JSON, else as the string it is. */
export function parseSetting(text: string): Setting {
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(0, equals)).split('.');
  if (path.some((key) => key === '')) {
    throw new InvalidArgumentError('Expected key=value, such as training.epochs=3.');
  }
  return { path, value: parseValue(text.slice(equals + 1)) };
}

/**
 * The input that the options ask for, laid over `base`, which may be a file's; `{}` when they ask
 * for nothing. Relative paths begin at `cwd`, since the workers run elsewhere.
 */
export function inputOf(
  { preset, source, set = [] }: InputOptions,
  cwd: string,
  base: RunInput = {},
): RunInput {
  const settings: Setting[] = [...set];
  if (source !== undefined) {
    settings.unshift({ path: ['dataset', 'source'], value: source });
  }
  const start: JsonRecord = preset === undefined ? base : { ...base, preset };
  const input = settings.reduce((before, setting) => withSetting(before, setting, 0), start);
  return withAbsolutePaths(input, cwd);
}

/** With the paths among its addresses made absolute. */
export function withAbsolutePaths(input: JsonRecord, folder: string): JsonRecord {
  return addressKeys.reduce((before, place) => withAbsolutePath(before, place, folder), input);
}

/** Whether the options say anything of the input. */
export function asksForInput({ preset, config, source, set }: InputOptions): boolean {
  return [preset, config, source, set].some((option) => option !== undefined);
}

/** The options that give this input, for a message that says what to type. */
export function describeInput(input: RunInput): string {
  const { preset, ...own } = input;
  const parts = [...leaves(own, [])].map(([path, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `--set ${/^[\w.,:/=@+-]*$/.test(text) ? `${path}=${text}` : `'${path}=${text}'`}`;
  });
  return [...(typeof preset === 'string' ? [`--preset ${preset}`] : []), ...parts].join(' ');
}

function withSetting(record: JsonRecord, setting: Setting, depth: number): JsonRecord {
  const { path, value } = setting;
  const key = path[depth] as string;
  if (depth === path.length - 1) return { ...record, [key]: value };
  const inner = Object.hasOwn(record, key) ? record[key] : {};
  if (!isRecord(inner)) {
    throw new CommandError(
      `--set ${path.join('.')}: ${path.slice(0, depth + 1).join('.')} is already ${JSON.stringify(inner)}, which has no keys; give one of the two.`,
    );
  }
  return { ...record, [key]: withSetting(inner, setting, depth + 1) };
}

function* leaves(
  record: JsonRecord,
  path: readonly string[],
): Generator<readonly [string, JsonValue]> {
  for (const [key, value] of Object.entries(record)) {
    const here = [...path, key];
    if (isRecord(value)) yield* leaves(value, here);
    else yield [here.join('.'), value];
  }
}

/** The keys that hold an address, and the names that are none. */
const addressKeys: readonly AddressKey[] = [
  { section: 'dataset', key: 'source', names: Object.keys(knownSamples) },
  { section: 'model', key: 'weights', names: ['none', 'imagenet'] },
];

interface AddressKey {
  readonly section: string;
  readonly key: string;
  readonly names: readonly string[];
}

/** A name the pipeline knows and an address stay as they are; what is left is a path. */
function withAbsolutePath(
  input: JsonRecord,
  { section, key, names }: AddressKey,
  folder: string,
): JsonRecord {
  const values = input[section];
  const value = isRecord(values) ? values[key] : undefined;
  if (typeof value !== 'string' || /^$|^[a-z][a-z0-9+.-]*:/i.test(value)) return input;
  if (names.includes(value)) return input;
  return withSetting(input, { path: [section, key], value: resolve(folder, value) }, 0);
}

function parseValue(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

export function isRecord(value: JsonValue | undefined): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
