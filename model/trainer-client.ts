/** The trainer's process seen from its parent: started, asked, listened to, ended. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { NightshiftError, failureTypeNamed } from '../contract/failures.ts';
import type { Numerics } from '../contract/timeline.ts';
import { deathOf, kernelKills } from './out-of-memory.ts';
import { trainerEnvironment } from './trainer-environment.ts';
import type { FromTrainer, ProgramRequest, ToTrainer } from './trainer-messages.ts';
import { bringWanted, isWant } from './wanted-shards.ts';
import type { FetchFile } from './wanted-shards.ts';

/** Longer than any step or first compilation takes; a trainer silent for longer hangs, and is killed. */
const silenceLimitMs = 15 * 60_000;

/** The messages that end a request. */
type Answer = Exclude<FromTrainer, TrainerEvent | { type: 'failed' | 'wants' | 'passed' }>;
export type TrainerEvent = Extract<
  FromTrainer,
  { type: 'step' | 'saved' | 'evaluating' | 'extracting' }
>;

export interface TrainerClient {
  readonly pid: number;
  readonly numerics: Numerics;
  /** SHA-256 of the graph's part from images to features. */
  readonly featureGraph: string;
  /** False once the process has ended, or is told to by `kill`. */
  readonly alive: boolean;
  /** Sends one request, hands on the events that come, and resolves with its answer. One at a time. */
  ask(request: ToTrainer, onEvent?: (event: TrainerEvent) => void): Promise<Answer>;
  /** Sends what needs no answer of its own. */
  tell(message: ToTrainer): void;
  /** Ends the process at once. */
  kill(): void;
}

/**
 * Starts a trainer (the module `script`) for one program; stored shards that it reads are had by
 * `fetch`. Throws `TrainerDied` when it ends before it is ready.
 */
export async function startTrainer(
  script: URL,
  program: ProgramRequest,
  fetch: FetchFile,
): Promise<TrainerClient> {
  const child = forkTrainer(script);
  bringWanted(child, fetch);
  const ask = asker(child, program);
  const answer = await ask({ type: 'program', request: program }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  if (answer.type !== 'ready') throw new Error(`'program' was answered by '${answer.type}'`);
  return {
    pid: child.pid as number,
    numerics: answer.numerics,
    featureGraph: answer.featureGraph,
    get alive() {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      return child.connected && !hasEnded && !child.killed;
    },
    ask,
    tell: (message) => void child.send(message),
    kill: () => void child.kill('SIGKILL'),
  };
}

/**
 * TensorFlow's version, and whether it sees a GPU: in a process that ends again. Throws why it can't
 * be loaded. `execArgv`: Node's own options, without it this process's; `isQuiet`: what TensorFlow
 * says goes nowhere.
 */
export async function lookForGpu(
  script: URL,
  { execArgv = process.execArgv, isQuiet = false }: { execArgv?: string[]; isQuiet?: boolean } = {},
): Promise<Pick<Extract<Answer, { type: 'looked-for-gpu' }>, 'found' | 'tensorflow'>> {
  const child = forkTrainer(script, execArgv);
  try {
    const answer = await asker(child, undefined, isQuiet)({ type: 'look-for-gpu' });
    if (answer.type !== 'looked-for-gpu') throw new Error(`unexpected answer '${answer.type}'`);
    return answer;
  } finally {
    child.kill('SIGKILL');
  }
}

const forkTrainer = (script: URL, execArgv = process.execArgv): ChildProcess =>
  fork(script, {
    execArgv,
    serialization: 'advanced',
    env: trainerEnvironment(),
    stdio: ['inherit', 'inherit', 'pipe', 'ipc'],
  });

/** The lines that the process last wrote to its standard error, which goes on to ours unless it is to be quiet. */
function lastWordsOf({ stderr }: ChildProcess, isQuiet: boolean): () => string[] {
  let tail = '';
  stderr!.setEncoding('utf8').on('data', (text: string) => {
    if (!isQuiet) process.stderr.write(text);
    tail = `${tail}${text}`.slice(-4_000);
  });
  return () =>
    tail
      .trim()
      .split('\n')
      .filter((line) => !chatter.test(line));
}

/** What TensorFlow says at each start. */
const chatter = /^(I\d{4} |WARNING: All log messages)/;

function asker(
  child: ChildProcess,
  program?: ProgramRequest,
  isQuiet = false,
): TrainerClient['ask'] {
  const lastWords = lastWordsOf(child, isQuiet);
  const killsBefore = kernelKills();
  return (request, onEvent) =>
    new Promise((resolve, reject) => {
      let silence = setTimeout(onSilence, silenceLimitMs);
      const finish = (settle: () => void): void => {
        clearTimeout(silence);
        child.off('message', onMessage).off('close', onEnd).off('error', onError);
        settle();
      };
      // Once it has ended and all it said has come.
      child.on('message', onMessage).on('close', onEnd).on('error', onError);
      if (!child.connected) return onEnd(child.exitCode, child.signalCode);
      child.send(request);

      function onMessage(raw: unknown): void {
        clearTimeout(silence);
        silence = setTimeout(onSilence, silenceLimitMs);
        const message = raw as FromTrainer;
        if (isWant(message)) return;
        if (message.type === 'failed') finish(() => reject(failureOf(message)));
        else if (isEvent(message)) onEvent?.(message);
        else finish(() => resolve(message));
      }
      function onEnd(code: number | null, signal: string | null): void {
        const death = { code, signal, lastWords: lastWords() };
        const kills = kernelKills() - killsBefore;
        finish(() => reject(deathOf(program, { ...death, kernelKills: kills })));
      }
      function onError(cause: Error): void {
        finish(() =>
          reject(new NightshiftError('TrainerDied', `the trainer's process failed`, { cause })),
        );
      }
      function onSilence(): void {
        child.kill('SIGKILL');
        const message = `the trainer's process said nothing for ${silenceLimitMs / 60_000} minutes and was killed`;
        finish(() => reject(new NightshiftError('TrainerDied', message)));
      }
    });
}

const isEvent = (message: FromTrainer): message is TrainerEvent =>
  ['step', 'saved', 'evaluating', 'extracting'].includes(message.type);

function failureOf({ name, message, stack }: Extract<FromTrainer, { type: 'failed' }>): Error {
  const error = new NightshiftError(failureTypeNamed(name), message);
  if (stack) error.stack = stack;
  return error;
}
