/** Waiting with a deadline: a test that waits for ever says nothing. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessIdentity } from '../../infra/local/process-identity.mjs';

const withinMs = 30_000;

export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `not within ${withinMs / 1000} s: ${what}`);
    await sleep(20);
  }
}

export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(withinMs) });
  return message;
}

/** SIGKILL, and it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit', { signal: AbortSignal.timeout(withinMs) });
  child.kill('SIGKILL');
  await gone;
}

/** The process of this name that the stack of the clone `root` has written down. */
export async function remembered(root: string, name: string): Promise<ProcessIdentity> {
  const path = join(root, '.nightshift', 'processes', `${name}.json`);
  let known: ProcessIdentity | undefined;
  await until(`${path} is there`, async () => {
    known = await readFile(path, 'utf8').then(JSON.parse, () => undefined);
    return known !== undefined;
  });
  return known!;
}
