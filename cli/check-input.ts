/** Looks at a run's input before the run is started: what would end it at once starts none. */
import { parseOverPreset } from '../contract/parse-config.ts';
import { defaultPreset } from '../contract/presets.ts';
import { CommandError } from './cli.ts';
import type { RunInput } from './input.ts';

/** Throws `CommandError` with a line a problem; `file`: where some of it was written. */
export function checkInput(input: RunInput, file?: string): void {
  const { preset = defaultPreset, resumeFrom, ...own } = input;
  // What is laid over another run's configuration, which the store has, only a worker can tell.
  if (resumeFrom !== undefined) return;
  const parsed = parseOverPreset(preset, own);
  if (!('problems' in parsed)) return;
  throw new CommandError(
    [
      `The configuration${file === undefined ? '' : ` of ${file}`} is not valid, so nothing was started or scheduled:`,
      ...parsed.problems.map((problem) => `- ${problem}`),
      ...(file === undefined ? [] : [`Correct ${file}, or lay --set key=value over it.`]),
    ].join('\n'),
  );
}
