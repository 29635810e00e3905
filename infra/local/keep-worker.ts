/** Keeps a worker up: one that ended is started again, at longer and longer intervals while it ends soon. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { shutdownGraceMs } from '../../contract/timing.ts';
import { localEnvironment } from './environment.ts';
import { lastWords, withLog } from './logs.ts';
import { identify } from './process-identity.mjs';
import type { ProcessIdentity } from './process-identity.mjs';
import type { StackEvent } from './processes.ts';

/** Megabytes a half, of three: by default 16, which a worker fills before it collects any garbage. */
const youngSpace = ['--max-semi-space-size=4'];

/** Pauses before a worker that ends at once again is restarted; one that lived for `stableAfterMs` did not. */
const defaultPace = {
  restartAfterMs: [0, 1_000, 2_000, 5_000, 10_000] as readonly number[],
  stableAfterMs: 60_000,
};
/** Ended so often at once, it will not help itself: the event says what its log does. */
const explainFrom = 3;

export interface WorkerSettings {
  readonly name: string;
  readonly script: URL;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: string;
  /** Called in the tick of each start. */
  readonly onSpawn: (started: ProcessIdentity) => void;
  /** Called when the worker is about to ask for work. */
  readonly onReady?: () => void;
  readonly onEvent: (event: StackEvent) => void;
}

/** Resolves once `closing` has aborted and the worker, told to, has ended. */
export async function keepWorker(
  settings: WorkerSettings,
  closing: AbortSignal,
  { restartAfterMs, stableAfterMs } = defaultPace,
): Promise<void> {
  const { name, log, onEvent } = settings;
  let quickEnds = 0;
  while (!closing.aborted) {
    const startedAt = performance.now();
    const how = await runOnce(settings, closing);
    if (closing.aborted) return;
    quickEnds = performance.now() - startedAt > stableAfterMs ? 0 : quickEnds + 1;
    const why = quickEnds < explainFrom ? '' : ` ${quickEnds} times soon: ${lastWords(log)}`;
    onEvent({ process: name, message: `worker ${name} ended (${how})${why}; starting it again` });
    const pause = restartAfterMs[Math.min(quickEnds, restartAfterMs.length) - 1] ?? 0;
    await sleep(pause, undefined, { signal: closing }).catch(() => undefined);
  }
}

/** How the worker ended, or why it did not start. */
async function runOnce(settings: WorkerSettings, closing: AbortSignal): Promise<string> {
  try {
    const child = spawnWorker(settings);
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity) settings.onSpawn(identity);
    child.on('message', () => settings.onReady?.());
    return await ended(child, closing);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Its path: Node would look for the name from the user's current folder. */
const tsx = import.meta.resolve('tsx');

/** With a channel to this process: a worker whose supervisor is gone ends by itself. */
function spawnWorker({ script, environment, log }: WorkerSettings): ChildProcess {
  return withLog(log, (out) =>
    fork(script, {
      detached: true,
      execArgv: [...youngSpace, ...(script.href.endsWith('.ts') ? ['--import', tsx] : [])],
      env: localEnvironment(environment),
      stdio: ['ignore', out, out, 'ipc'],
    }),
  );
}

/** How the worker ended. On closing it is asked to, and killed when its grace is over. */
async function ended(child: ChildProcess, closing: AbortSignal): Promise<string> {
  let killer: NodeJS.Timeout | undefined;
  const ask = (): void => {
    child.kill('SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), shutdownGraceMs + 10_000);
  };
  const how = new Promise<string>((resolve) => {
    child.once('exit', (code, name) => resolve(name ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  if (closing.aborted) ask();
  else closing.addEventListener('abort', ask, { once: true });
  try {
    return await how;
  } finally {
    closing.removeEventListener('abort', ask);
    clearTimeout(killer);
  }
}
