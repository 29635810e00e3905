/** The clone's unfinished run, in `.nightshift/run.json`: written before the run starts, removed once its end was shown. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { defaultPreset } from '../contract/presets.ts';
import { CommandError } from './cli.ts';
import type { RunInput } from './input.ts';

const unfinishedRunSchema = z.strictObject({
  workflowId: z.string().min(1),
  input: z.record(z.string(), z.json()),
});

export interface UnfinishedRun {
  readonly workflowId: string;
  readonly input: RunInput;
}

const fileOf = (root: string): string => join(root, '.nightshift', 'run.json');

/** Undefined when there is none. */
export async function readUnfinishedRun(root: string): Promise<UnfinishedRun | undefined> {
  const file = fileOf(root);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return unfinishedRunSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new CommandError(
      `${file} does not name a run; delete it to start a new one.`,
      undefined,
      error,
    );
  }
}

export async function writeUnfinishedRun(root: string, run: UnfinishedRun): Promise<void> {
  const file = fileOf(root);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(run, null, 2)}\n`);
  await rename(`${file}.new`, file);
}

export async function forgetUnfinishedRun(root: string): Promise<void> {
  await rm(fileOf(root), { force: true });
}

/** A new run's id: its preset and the time, as `quickstart-20261124-101500` (UTC). */
export function newRunId(input: RunInput, now: Date): string {
  const [day = '', time = ''] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').split('T');
  return `${typeof input['preset'] === 'string' ? input['preset'] : defaultPreset}-${day}-${time}`;
}
