/** One kill, carried out on a trial stack: signals at once, and later those that wake up what was frozen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from '../../infra/local/process-identity.mjs';
import type { ProcessIdentity } from '../../infra/local/process-identity.mjs';
import type { TrialStack } from '../../infra/local/trial-stack.ts';
import type { Account } from './account.ts';
import type { PlannedKill, Target } from './plan.ts';

/** With nothing to do, no successor begins. */
const longestFrozenMs = 25_000;
const lookAgainMs = 100;

/** Hits the target; resolves once all that was frozen is awake. */
export async function strike(
  stack: TrialStack,
  kill: PlannedKill,
  account: Account,
  ended: AbortSignal,
): Promise<void> {
  const { training, others, orphans } = victimsOf(stack, kill, account.trainer);
  for (const victim of [...training, ...others]) signal(victim, kill.signal);
  const at = performance.now();
  account.killed(kill, at, orphans);
  if (kill.signal !== 'SIGSTOP') return;

  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: ended }).catch(() => undefined);
  await pause(kill.frozenMs);
  for (const victim of others) signal(victim, 'SIGCONT');
  const mayBeReplaced = (): boolean =>
    !account.resumed && !ended.aborted && performance.now() - at < longestFrozenMs;
  while (orphans.length > 0 && mayBeReplaced()) await pause(lookAgainMs);
  for (const victim of training) signal(victim, 'SIGCONT');
}

/** What a target is at this moment. */
interface Victims {
  /** The run's trainer and its worker, as far as they are hit. */
  readonly training: readonly ProcessIdentity[];
  readonly others: readonly ProcessIdentity[];
  /** Of the trainer that loses its run to a successor. */
  readonly orphans: readonly number[];
}

function victimsOf(
  stack: TrialStack,
  { target, signal }: PlannedKill,
  trainerPid: number | undefined,
): Victims {
  const trainers = stack.trainers();
  const trainer = trainers.find(({ pid }) => pid === trainerPid) ?? trainers[0];
  const gpus = stack.parts.filter((part) => part.startsWith('gpu'));
  const worker = trainer?.worker ?? gpus[0]!;
  const parts = {
    trainer: [],
    'gpu worker': [worker],
    'cpu worker': ['cpu'],
    'all workers': ['cpu', ...gpus],
    Temporal: ['temporal'],
    S3: ['s3'],
    everything: stack.parts,
  } as const satisfies Record<Target, readonly string[]>;
  const hit: readonly string[] = parts[target];
  const living = (names: readonly string[]): ProcessIdentity[] =>
    names.map(stack.process).filter((known) => known !== undefined);

  const hitsWorker = hit.includes(worker);
  // A worker that is told to stop tells its trainer.
  const hitsTrainer = target === 'trainer' || (hitsWorker && signal !== 'SIGTERM');
  const losesRun = hitsWorker || signal === 'SIGKILL';
  return {
    training: [
      ...living(hit.filter((part) => part === worker)),
      ...(trainer && hitsTrainer ? [trainer] : []),
    ],
    others: living(hit.filter((part) => part !== worker)),
    orphans: trainer && (hitsWorker || hitsTrainer) && losesRun ? [trainer.pid] : [],
  };
}
