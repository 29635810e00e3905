/** The failure of an input that can't be run: every problem with its key, its value and the rule. */
import { NightshiftError } from '../contract/failures.ts';

export function invalid(
  problems: readonly string[],
  what: 'configuration' | 'input' = 'configuration',
): NightshiftError {
  return new NightshiftError(
    'InvalidConfig',
    `the ${what} is not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    { details: { problems } },
  );
}
