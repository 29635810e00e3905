/** What kills cost: keeps account of the steps a run's trainers take, one after the other. Pure. */
import type { Signal, Target } from './plan.ts';

export interface KillCost {
  readonly target: Target;
  readonly signal: Signal;
  /** Steps done when it came. */
  readonly atStep: number;
  /** Of these, how many had to be taken again. */
  readonly lostSteps: number;
  /** To the first step taken after it; undefined when none came: training was done. */
  readonly resumedSeconds?: number;
  /** To the first step that had not been taken before. */
  readonly newStepSeconds?: number;
}

export interface Account {
  /** The furthest step so far. */
  readonly step: number;
  /** Whether the run has gone on since the last kill. */
  readonly resumed: boolean;
  readonly costs: readonly KillCost[];
  /** The process of the trainer that the run's steps come from. */
  readonly trainer: number | undefined;
  /** A trainer is seen to have taken its run to `step`; times in milliseconds. */
  seen(trainer: number, step: number, at: number): void;
  /** A kill; what these trainers do from now on, without another state being loaded, is an orphan's doing. */
  killed(kill: { target: Target; signal: Signal }, at: number, orphans: readonly number[]): void;
}

/** What a proof under so many planned kills falls short of, a sentence each; empty: of nothing. */
export function findShortfalls(
  costs: readonly KillCost[],
  planned: number,
  intervalSteps: number,
): string[] {
  if (costs.length === 0) {
    return [
      `kills: the run had ended before the first of ${planned}; train for longer, as with --set training.epochs=32`,
    ];
  }
  return costs.flatMap(({ target, signal, atStep, lostSteps }, index) =>
    lostSteps > intervalSteps
      ? [
          `kill ${index + 1}, ${target} by ${signal} after step ${atStep}: ${lostSteps} steps lost, more than one interval of ${intervalSteps}`,
        ]
      : [],
  );
}

export function openAccount(): Account {
  const lastOf = new Map<number, number>();
  const costs: KillCost[] = [];
  let orphans: readonly number[] = [];
  let step = 0;
  let trainer: number | undefined;
  let killedAt = 0;

  const addToLast = (change: Partial<KillCost>): void => {
    const last = costs.at(-1);
    if (last) costs[costs.length - 1] = { ...last, ...change };
  };

  return {
    get step() {
      return step;
    },
    get trainer() {
      return trainer;
    },
    get resumed() {
      return costs.at(-1)?.resumedSeconds !== undefined;
    },
    costs,
    seen(process, now, at) {
      const before = lastOf.get(process);
      if (before === now) return;
      lastOf.set(process, now);
      // It goes on with what it had, but another has the run, or will have it.
      const goesOn = process !== trainer && now === (before ?? -1) + 1;
      if (goesOn && (orphans.includes(process) || now !== step + 1)) return;
      trainer = process;
      const seconds = (at - killedAt) / 1000;
      const last = costs.at(-1);
      if (last && last.resumedSeconds === undefined) addToLast({ resumedSeconds: seconds });
      if (now <= step) {
        addToLast({ lostSteps: Math.max(last?.lostSteps ?? 0, step - now + 1) });
        return;
      }
      if (last && last.newStepSeconds === undefined) addToLast({ newStepSeconds: seconds });
      step = now;
    },
    killed({ target, signal }, at, hit) {
      killedAt = at;
      orphans = hit;
      if (trainer !== undefined && hit.includes(trainer)) trainer = undefined;
      costs.push({ target, signal, atStep: step, lostSteps: 0 });
    },
  };
}
