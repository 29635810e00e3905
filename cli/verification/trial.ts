/** One training from its start to its end in servers of its own, undisturbed or under a plan of kills. */
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailureType } from '../../contract/failures.ts';
import type { RunResult } from '../../contract/progress.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { splitManifestSchema } from '../../contract/manifests.ts';
import { pagesOf, parsePage } from '../../data/sample-list.ts';
import { openTrialStack } from '../../infra/local/trial-stack.ts';
import type { TrialStack } from '../../infra/local/trial-stack.ts';
import { checkpointAt } from '../../model/checkpoint.ts';
import { readRunRecord } from '../../model/run-record.ts';
import { checkpointChain, readLedger, readLosses } from '../../model/run-trace.ts';
import { readManifest } from '../../storage/commit.ts';
import { openS3Store } from '../../storage/s3.ts';
import { CommandError, exitCodes } from '../cli.ts';
import { connectTo, noProxy } from '../connect.ts';
import { followRun } from '../follow.ts';
import type { RunInput } from '../input.ts';
import type { RunSnapshot } from '../view/snapshot.ts';
import { openAccount } from './account.ts';
import type { Account, KillCost } from './account.ts';
import type { TrainingTrace } from './compare.ts';
import type { PlannedKill } from './plan.ts';
import { strike } from './strike.ts';

export interface TrialSettings {
  /** Made, and to be removed by the caller. */
  readonly directory: string;
  readonly run: string;
  readonly input: RunInput;
  readonly kills: readonly PlannedKill[];
  readonly signal: AbortSignal;
  readonly show: (snapshot: RunSnapshot) => void;
  readonly onKill: (kill: PlannedKill, account: Account) => void;
  readonly onResume: (cost: KillCost) => void;
}

export interface Trial {
  readonly result: RunResult;
  readonly trace: TrainingTrace;
  /** What a crash may lose: as it is set, else the most steps from one saved state to the next. */
  readonly intervalSteps: number;
  readonly seconds: number;
  readonly costs: readonly KillCost[];
}

const ofInput: readonly string[] = ['InvalidConfig', 'InvalidData'] satisfies FailureType[];

/** The input can't be trained on, whatever becomes of the servers. */
export class InputRefused extends CommandError {}

/** One idles: it takes over. */
const gpuWorkers = 2;
/** Shorter than a step. */
const lookEveryMs = 20;

/** Throws `CommandError` when the run does not come to its end, and the signal's reason when it aborts. */
export async function runTrial(settings: TrialSettings): Promise<Trial> {
  const { directory, run, input, signal, show } = settings;
  await mkdir(directory, { recursive: true });
  const startedAt = performance.now();
  const stack = await openTrialStack({ directory, gpuWorkers, signal });
  try {
    const servers = await connectTo(
      { address: stack.temporalAddress, channelArgs: noProxy },
      'default',
    );
    try {
      await servers.runs.start(run, input);
      const over = new AbortController();
      const account = openAccount();
      const following = followRun(servers.runs, run, { signal, show }).finally(() => over.abort());
      const watching = watchTrainers(stack, account, over.signal);
      const killing = carryOut(stack, account, settings, over.signal);
      const outcome = await Promise.race([
        following,
        Promise.all([watching, killing]).then(() => following),
      ]);
      signal.throwIfAborted();
      // A trial promotes nothing, so there is no run before it with nothing new since.
      if (outcome?.status !== 'completed' || 'noChange' in outcome.result) {
        const why = outcome?.status === 'failed' ? `: ${outcome.type}: ${outcome.message}` : '';
        const message = `Run ${run} did not come to its end${why}`;
        if (outcome?.status === 'failed' && ofInput.includes(outcome.type)) {
          throw new InputRefused(message);
        }
        throw new CommandError(message, exitCodes.failed);
      }
      const seconds = (performance.now() - startedAt) / 1000;
      const { result } = outcome;
      return { result, seconds, costs: account.costs, ...(await readTrace(stack, result)) };
    } finally {
      await servers.close();
    }
  } finally {
    await stack.close();
  }
}

/** Tells the account of every step, as the trainers' titles show it. */
async function watchTrainers(
  stack: TrialStack,
  account: Account,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    look(stack, account);
    await sleep(lookEveryMs, undefined, { signal: over }).catch(() => undefined);
  }
}

function look(stack: TrialStack, account: Account): void {
  for (const { pid, step } of stack.trainers()) {
    if (step !== undefined) account.seen(pid, step, performance.now());
  }
}

/** A kill when its step is reached, the run goes on and all parts are up again. */
async function carryOut(
  stack: TrialStack,
  account: Account,
  { kills, onKill, onResume }: TrialSettings,
  over: AbortSignal,
): Promise<void> {
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!over.aborted && !isSo()) {
      await sleep(lookEveryMs, undefined, { signal: over }).catch(() => undefined);
    }
  };
  const isWhole = (): boolean => stack.parts.every((part) => stack.process(part) !== undefined);
  // Nothing may be left to train once the last kill is due.
  const lastStep = kills.at(-1)?.afterStep ?? 0;
  for (const kill of kills) {
    await until(() => account.step >= kill.afterStep && isWhole());
    await sleep(kill.delayMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    look(stack, account);
    const awake = strike(stack, kill, account, over);
    onKill(kill, account);
    await awake;
    await until(() => account.resumed || account.step >= lastStep);
    const cost = account.costs.at(-1)!;
    if (cost.resumedSeconds !== undefined) onResume(cost);
  }
}

async function readTrace(
  stack: TrialStack,
  result: RunResult,
): Promise<Pick<Trial, 'trace' | 'intervalSteps'>> {
  const { run, steps, finalDigest, modelDigest } = result;
  const store = await openS3Store(stack.s3);
  try {
    const record = await readRunRecord(store, run);
    if (!record) throw new Error(`run ${run} has no record in the store`);
    const { inputs, timeline } = record;
    const last = checkpointAt(inputs, timeline, steps);
    const split = await readManifest(store, stageManifestKey(inputs.split), splitManifestSchema);
    const train: string[] = [];
    for (const { key } of pagesOf(split!.files, 'train')) {
      for (const { id } of parsePage((await store.get(key)).bytes)) train.push(id);
    }
    const saved = (await checkpointChain(store, last)).map(({ step }) => step);
    return {
      trace: {
        finalDigest,
        modelDigest,
        train,
        losses: await readLosses(store, last),
        ledger: await readLedger(store, last),
      },
      intervalSteps:
        inputs.config.training.checkpointEverySteps ??
        Math.max(...saved.map((step, index) => step - (saved[index - 1] ?? 0))),
    };
  } finally {
    store.close();
  }
}
