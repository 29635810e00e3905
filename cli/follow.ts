/** Looks at a run again and again until it has ended: by description every second, by query when something happened. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunProgress } from '../contract/progress.ts';
import { ServerAway } from './ask.ts';
import type { Outcome, RunDescription, Runs } from './runs.ts';
import { heartbeatStep } from './view/snapshot.ts';
import type { RunSnapshot } from './view/snapshot.ts';

export interface FollowOptions {
  /** Ends the looking, not the run. */
  readonly signal: AbortSignal;
  readonly show: (snapshot: RunSnapshot) => void;
  /** Between two looks. */
  readonly everyMs?: number;
}

/**
 * Shows the run until it has ended, and tells how; undefined when the signal came first. A server
 * that is away is waited for.
 */
export async function followRun(
  runs: Runs,
  id: string,
  { signal, show, everyMs = 1_000 }: FollowOptions,
): Promise<Outcome | undefined> {
  const progress = progressReader(runs, id, 2 * everyMs);
  let seen: RunDescription | undefined;
  let awaySince: number | undefined;
  const furthest = furthestStep();
  const now = (): RunSnapshot => snapshotOf(seen, progress.value, awaySince, furthest);
  while (!signal.aborted) {
    try {
      seen = await runs.describe(id);
      awaySince = undefined;
      if (seen.status === 'running') progress.refresh(seen.historyLength);
      else {
        await progress.last();
        const outcome = await runs.outcome(id);
        show(now());
        return outcome;
      }
    } catch (error) {
      if (!(error instanceof ServerAway)) throw error;
      awaySince ??= Date.now();
    }
    if (!signal.aborted) show(now());
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** One look at a run: what `status` shows. */
export async function lookAtRun(
  runs: Runs,
  id: string,
): Promise<{ description: RunDescription; snapshot: RunSnapshot }> {
  const description = await runs.describe(id);
  const progress = progressReader(runs, id, 0);
  await progress.last();
  return {
    description,
    snapshot: snapshotOf(description, progress.value, undefined, furthestStep()),
  };
}

function snapshotOf(
  seen: RunDescription | undefined,
  progress: RunProgress | undefined,
  awaySince: number | undefined,
  furthest: FurthestStep,
): RunSnapshot {
  const seenStep = furthest(seen, progress);
  return {
    at: Date.now(),
    activities: seen?.activities ?? [],
    decisionAttempt: seen?.decisionAttempt ?? 1,
    ...(progress && { progress }),
    ...(seenStep !== undefined && { seenStep }),
    ...(awaySince !== undefined && { awaySince }),
  };
}

type FurthestStep = (
  seen: RunDescription | undefined,
  progress: RunProgress | undefined,
) => number | undefined;

/** Remembers the step of the last heartbeat until a problem comes up: older states may have to do then. */
function furthestStep(): FurthestStep {
  let step: number | undefined;
  let problemAt: number | undefined;
  return (seen, progress) => {
    const at = progress?.lastProblem?.at;
    if (at !== problemAt) step = undefined;
    problemAt = at;
    step = heartbeatStep(seen?.activities ?? []) ?? step;
    return step;
  };
}

/** Asks for the progress beside the looking: a query waits for a worker, and a worker may be away. */
function progressReader(
  runs: Runs,
  id: string,
  everyMs: number,
): {
  readonly value: RunProgress | undefined;
  refresh(historyLength: number): void;
  last(): Promise<void>;
} {
  let value: RunProgress | undefined;
  let asking: Promise<void> | undefined;
  let askedAt = -Infinity;
  let askedLength = -1;
  const ask = async (): Promise<void> => {
    try {
      value = await runs.progress(id);
    } catch {
      // What was known stays; whether the server is there, the description tells.
      askedLength = -1;
    } finally {
      asking = undefined;
    }
  };
  return {
    get value() {
      return value;
    },
    refresh(historyLength) {
      const due = historyLength !== askedLength || performance.now() - askedAt >= everyMs;
      if (asking || !due) return;
      askedLength = historyLength;
      askedAt = performance.now();
      asking = ask();
    },
    async last() {
      await asking;
      await ask();
    },
  };
}
