/** A plan of kills: what is hit, how, and when; drawn from a seed. Pure. */
import { permutation, purposes, randomStream } from '../../data/random.ts';

export type Signal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP';

/** What can be hit, and by which signals: a trainer leaves SIGTERM to its worker. */
const signalsOf = {
  trainer: ['SIGKILL', 'SIGSTOP'],
  'gpu worker': ['SIGKILL', 'SIGTERM', 'SIGSTOP'],
  'cpu worker': ['SIGKILL', 'SIGTERM', 'SIGSTOP'],
  'all workers': ['SIGKILL', 'SIGTERM', 'SIGSTOP'],
  Temporal: ['SIGKILL', 'SIGTERM', 'SIGSTOP'],
  S3: ['SIGKILL', 'SIGTERM', 'SIGSTOP'],
  everything: ['SIGKILL', 'SIGTERM', 'SIGSTOP'],
} as const satisfies Record<string, readonly Signal[]>;

export type Target = keyof typeof signalsOf;

export interface PlannedKill {
  readonly target: Target;
  readonly signal: Signal;
  /** Once this step is done; 0: before the first one, while data is prepared. */
  readonly afterStep: number;
  /** And so much later: in the midst of a step, a save, a validation. */
  readonly delayMs: number;
  /** How long what is frozen stays so; the trainer of the run longer, until its successor has begun. */
  readonly frozenMs: number;
}

/** A way to hit something. */
export type Way = Pick<PlannedKill, 'target' | 'signal'>;

export const allWays: readonly Way[] = Object.entries(signalsOf).flatMap(([target, signals]) =>
  signals.map((signal) => ({ target: target as Target, signal })),
);

/** With fewer, all fall into training. */
const killsWithEnds = 4;

/**
 * `count` kills over a training of `steps` steps, one in each of as many equal stretches; the first
 * before training and the last after it. Every way comes once before any comes again.
 */
export function planKills(
  count: number,
  steps: number,
  seed: number,
  ways: readonly Way[] = allWays,
): PlannedKill[] {
  const random = randomStream(seed, purposes.kills);
  const rounds = Array.from({ length: Math.ceil(count / ways.length) }, () =>
    [...permutation(ways.length, random)].map((index) => ways[index]!),
  );
  const ends = count >= killsWithEnds ? 1 : 0;
  const stretch = steps / (count - 2 * ends);
  return rounds
    .flat()
    .slice(0, count)
    .map((way, index) => ({
      ...way,
      afterStep: Math.floor(
        Math.min(steps, Math.max(0, (index - ends) * stretch + random.between(0, stretch))),
      ),
      delayMs: Math.floor(random.between(0, 1_000)),
      frozenMs: Math.floor(random.between(1_000, 8_000)),
    }));
}
