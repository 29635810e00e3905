/** How a batch that does not fit in memory shows, and what to do about it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { NightshiftError, failureTypeOf } from '../contract/failures.ts';
import type { ProgramRequest } from './trainer-messages.ts';

/** The failure, with its remedy; `problem`: as it showed. */
export function outOfMemory(
  { model, training }: Pick<ProgramRequest, 'model' | 'training'>,
  problem: string,
): NightshiftError {
  const atOnce = training.microBatchSize ?? training.batchSize;
  const remedy =
    atOnce > 1
      ? `set training.microBatchSize to ${Math.floor(atOnce / 2)} or less, which leaves the batch as it is`
      : 'set a smaller model.imageSize, or train on a machine with more memory';
  return new NightshiftError(
    'OutOfMemory',
    `${atOnce} images of ${model.imageSize} px at once (training.batchSize ${training.batchSize}) do not fit in memory; ${remedy}: ${problem}`,
  );
}

/**
 * Lets this process have nine tenths of the memory that is free now: what asks for more is told so.
 * Without a limit a batch that is too large stops the whole machine for many minutes, which then
 * reads its programs from disk again and again, before the kernel ends one. Where there is no
 * `prlimit` (not Linux, or a bare image) all stays as it is. `free`: in bytes.
 */
export function limitMemory(free = freemem()): void {
  const bytes = Math.floor(process.memoryUsage.rss() + 0.9 * free);
  try {
    // The soft limit alone: the hard one could never be raised again.
    execFileSync('prlimit', ['--pid', `${process.pid}`, `--data=${bytes}:`], { stdio: 'ignore' });
  } catch {
    return;
  }
}

/** How a process ended, and the lines it last said. */
export interface Death {
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastWords: readonly string[];
  /** Processes that the kernel killed for memory while this one ran. */
  readonly kernelKills: number;
}

/** What a trainer's process died of. */
export function deathOf(program: ProgramRequest | undefined, death: Death): NightshiftError {
  const { code, signal, lastWords, kernelKills } = death;
  const how = signal ? `killed by ${signal}` : `exit code ${code}`;
  const complaint = lastWords.find((line) => failureTypeOf(new Error(line)) === 'OutOfMemory');
  // Below it Node says where it came from, and what Node it is.
  const thrown = lastWords.findLast((line) => /^\w*Error( \[\w+\])?: /.test(line));
  const said = complaint ?? thrown ?? lastWords.at(-1);
  const problem = `the trainer's process ended: ${how}${said ? `: ${said}` : ''}`;
  const killed = signal === 'SIGKILL' && kernelKills > 0;
  if (program && (killed || complaint !== undefined)) {
    return outOfMemory(program, killed ? `${problem}, by the kernel, for memory` : problem);
  }
  // Where memory has a limit, libraries end so too, without a word.
  const hint = signal ? '; should memory be short, training.microBatchSize makes do with less' : '';
  return new NightshiftError('TrainerDied', `${problem}${hint}`);
}

/** How many processes the kernel has killed for memory since the machine started; 0 where it does not say. */
export function kernelKills(): number {
  try {
    const text = readFileSync('/proc/vmstat', 'utf8');
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  } catch {
    return 0; // no such file on this system
  }
}
