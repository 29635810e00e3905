/** A contestant's process: its script is told what to do in one argument, and says how fast it was in a line of JSON. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** `prefix`: a command that runs it, `taskset` say. Throws when it says nothing. */
export async function imagesPerSecond(
  python: string,
  script: string,
  spec: { readonly variant: string },
  environment: NodeJS.ProcessEnv,
  prefix: readonly string[] = [],
): Promise<number> {
  const interpreter = script.endsWith('.ts') ? [process.execPath, '--import', 'tsx'] : [python];
  const path = join(import.meta.dirname, script);
  const [command, ...args] = [...prefix, ...interpreter, path, JSON.stringify(spec)];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
    env: environment,
  });
  let rate: number | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) {
      ({ imagesPerSecond: rate } = JSON.parse(line) as { imagesPerSecond: number });
    }
  }
  if (rate === undefined) throw new Error(`${script} ${spec.variant}: gave no figure`);
  return rate;
}
