/** Parses what a user has given a workflow: all that is wrong is said at once. */
import type { z } from 'zod';
import { problemLines } from '../contract/problem-lines.ts';
import { invalid } from './invalid-config.ts';

/** `keys`: those there are, as a user writes them. Throws `InvalidConfig` with a line a problem. */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown, keys: string): T {
  const parsed = schema.safeParse(input ?? {});
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap((issue) =>
    problemLines(issue, input, `the input is ${keys}`),
  );
  throw invalid(lines, 'input');
}
