/** A configuration from a file, JSON or YAML: what is laid over the preset, and under `--set`. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { CommandError } from './cli.ts';
import { isRecord, withAbsolutePaths } from './input.ts';
import type { JsonValue, RunInput } from './input.ts';

/**
 * The input that the file `config` holds; `{}` without one. Its relative paths begin at its own
 * folder. Throws `CommandError` when it can't be read.
 */
export async function readConfigFile(config: string | undefined, cwd: string): Promise<RunInput> {
  if (config === undefined) return {};
  const file = resolve(cwd, config);
  const value = parseConfig(config, await textOf(config, file));
  if (!isRecord(value)) {
    throw new CommandError(
      `--config ${config}: ${JSON.stringify(value)} is no configuration; write keys and values, such as training: { epochs: 3 }.`,
    );
  }
  // Names the JSON Schema by which an editor completes the keys.
  const { $schema: _, ...input } = value;
  return withAbsolutePaths(input, dirname(file));
}

async function textOf(config: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(
      `--config ${config}: can't be read (${(error as Error).message}); name a JSON or YAML file that is there.`,
      undefined,
      error,
    );
  }
}

/** JSON is YAML too. An empty file asks for nothing. */
function parseConfig(config: string, text: string): JsonValue {
  const document = parseDocument(text);
  const [problem] = [...document.errors, ...document.warnings];
  if (!problem) return (document.toJS() ?? {}) as JsonValue;
  throw new CommandError(
    `--config ${config}: neither JSON nor YAML: ${problem.message}`,
    undefined,
    problem,
  );
}
