/** The failure of an input that can't be run: every problem with its key, its value and the rule. */
import { NightshiftError } from '../contract/failures.ts';

export function invalid(problems: readonly string[]): NightshiftError {
  return new NightshiftError(
    'InvalidConfig',
    `the configuration is not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    { details: { problems } },
  );
}
