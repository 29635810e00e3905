/** What is wrong with an input, a line a problem: the key, its value where it has one, and the rule. */
import type { z } from 'zod';

/** `keys`: where a user finds the keys there are. */
export function problemLines(issue: z.core.$ZodIssue, input: unknown, keys: string): string[] {
  const line = (path: readonly PropertyKey[], rule: string): string => {
    const value = path.reduce(
      (part, key) => (isRecord(part) ? part[String(key)] : undefined),
      input,
    );
    const shown = value === undefined ? '' : `${JSON.stringify(value)}: `;
    return `${path.join('.') || 'input'}: ${shown}${rule}`;
  };
  if (issue.code !== 'unrecognized_keys') return [line(issue.path, issue.message)];
  return issue.keys.map((key) => line([...issue.path, key], `there is no such key; ${keys}`));
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
