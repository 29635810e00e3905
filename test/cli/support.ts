/** For the command line's tests: a run's progress, a Temporal that lives in memory, an output that is read back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import picocolors from 'picocolors';
import { NoSuchRun, ServerAway } from '../../cli/ask.ts';
import type { Cli } from '../../cli/cli.ts';
import type { RunInput } from '../../cli/input.ts';
import type { Outcome, RunDescription, Runs } from '../../cli/runs.ts';
import type { Stack } from '../../cli/stack.ts';
import { stageNames } from '../../contract/progress.ts';
import type {
  RunProgress,
  RunResult,
  StageName,
  StageProgress,
  TrainingProgress,
} from '../../contract/progress.ts';

/** 2026-11-24 10:00:00 UTC; tests of times set TZ to UTC. */
export const ten = Date.UTC(2026, 10, 24, 10);
export const noColors = picocolors.createColors(false);

/** A run whose stages are all done before `running`, which began at `startedAt`. */
export function progressAt(
  running: StageName,
  change: Partial<StageProgress> = {},
  rest: Partial<RunProgress> = {},
): RunProgress {
  const names: StageName[] = [...stageNames, ...(running === 'promote' ? [running] : [])];
  const at = names.indexOf(running);
  const stages = names.map((name, index): StageProgress => {
    if (index > at) return { name, status: 'waiting' };
    if (index === at) return { name, status: 'running', startedAt: ten, ...change };
    return { name, status: 'done', startedAt: ten - 400, endedAt: ten };
  });
  return { run: 'r', preset: 'quickstart', stages, ...rest };
}

export const trainingAtStep400: TrainingProgress = {
  step: 400,
  steps: 1175,
  epochs: 5,
  stepsPerEpoch: 235,
  batchSize: 64,
  loss: 1.5,
  imagesPerSecond: 320,
  validations: [
    { step: 200, epoch: 1, loss: 1.8, accuracy: 0.331, top5: 0.84 },
    { step: 400, epoch: 2, loss: 1.6, accuracy: 0.412, top5: 0.89 },
  ],
  best: { step: 400, epoch: 2, loss: 1.6, accuracy: 0.412, top5: 0.89 },
  durableStep: 400,
  durableAt: ten,
  resumes: 0,
  hardware: 'cpu (avx512, 2 threads), float32',
};

export const result: RunResult = {
  run: 'r',
  steps: 1175,
  bestStep: 1000,
  validationAccuracy: 0.519,
  testSamples: 5000,
  testAccuracy: 0.5234,
  testTop5: 0.931,
  testLoss: 1.3549,
  example: { id: 'c0ffee', label: 'dog', predicted: 'cat', probability: 0.612 },
  reportKey: 'stages/a/report.html',
  predictionsKeys: ['stages/b/00000.jsonl', 'stages/b/00001.jsonl'],
  modelPrefix: 'runs/r/c/000001000/d/variables',
  modelDigest: 'e',
  finalDigest: 'f',
  resumes: 0,
  imagesPerSecond: 298.4,
  idleShare: 0.021,
  notBitEqual: [],
};

/** An output that keeps what is written. */
export function keepOutput(): { write(text: string): void; text(): string; lines(): string[] } {
  let kept = '';
  return {
    write: (text) => void (kept += text),
    text: () => kept,
    lines: () => kept.split('\n').slice(0, -1),
  };
}

/** A clone in an empty folder, and what its commands print. */
export async function openClone(test: TestContext): Promise<{
  cli: Cli;
  out: ReturnType<typeof keepOutput>;
  err: ReturnType<typeof keepOutput>;
}> {
  const root = await mkdtemp(join(tmpdir(), 'nightshift-cli-'));
  test.after(() => rm(root, { recursive: true }));
  const out = keepOutput();
  const err = keepOutput();
  return { cli: { root, cwd: root, out, err, colors: noColors }, out, err };
}

/** Runs in memory: each call answers from `state`, which a test changes. */
export interface FakeRuns extends Runs {
  readonly started: Map<string, RunInput>;
  readonly cancelled: string[];
  readonly paused: string[];
  readonly unpaused: string[];
  readonly retried: string[];
  readonly stopped: string[];
  /** `epochs 12`: what was set, in order. */
  readonly set: string[];
  readonly decided: { readonly approved: boolean; readonly why: string }[];
  state: { progress: RunProgress; outcome?: Outcome; away?: boolean; historyLength: number };
  /** Queries answered so far. */
  queries: number;
}

export function fakeRuns(state: FakeRuns['state']): FakeRuns {
  const find = <T>(id: string, answer: () => T): Promise<T> => {
    if (runs.state.away) return Promise.reject(new ServerAway('gone'));
    return runs.started.has(id) ? Promise.resolve(answer()) : Promise.reject(new NoSuchRun(id));
  };
  const describe = (id: string): RunDescription => ({
    id,
    runId: 'first',
    status: runs.state.outcome?.status ?? 'running',
    startedAt: ten,
    historyLength: runs.state.historyLength,
    decisionAttempt: 1,
    activities: [],
  });
  const runs: FakeRuns = {
    started: new Map(),
    cancelled: [],
    paused: [],
    unpaused: [],
    retried: [],
    stopped: [],
    set: [],
    decided: [],
    state,
    queries: 0,
    start(id, input) {
      const isNew = !runs.started.has(id);
      if (isNew) runs.started.set(id, input);
      return Promise.resolve(isNew);
    },
    describe: (id) => find(id, () => describe(id)),
    progress: (id) =>
      find(id, () => {
        runs.queries++;
        return runs.state.progress;
      }),
    input: (id) => find(id, () => runs.started.get(id)!),
    outcome: (id) =>
      find(id, () => {
        if (!runs.state.outcome) throw new Error('the run has not ended');
        return runs.state.outcome;
      }),
    cancel: (id) => find(id, () => void runs.cancelled.push(id)),
    pause: (id) => find(id, () => void runs.paused.push(id)),
    unpause: (id) => find(id, () => void runs.unpaused.push(id)),
    retry: (id) => find(id, () => void runs.retried.push(id)),
    stop: (id) => find(id, () => void runs.stopped.push(id)),
    setLearningRate: (id, rate) => find(id, () => void runs.set.push(`learning rate ${rate}`)),
    extendEpochs: (id, epochs) => find(id, () => void runs.set.push(`epochs ${epochs}`)),
    checkpointNow: (id) =>
      find(id, () => ({ step: 1_400, key: 'runs/r/l/000001400/manifest.json' })),
    validateNow: (id) =>
      find(id, () => ({ step: 1_400, epoch: 6, loss: 1.25, accuracy: 0.5, top5: 0.9 })),
    decide: (id, approved, { why }) => find(id, () => void runs.decided.push({ approved, why })),
    list: (limit) => Promise.resolve([...runs.started.keys()].slice(0, limit).map(describe)),
  };
  return runs;
}

/** A stack around these runs; `closed` tells how often it was closed. */
export function fakeStack(
  root: string,
  runs: Runs,
  own: Partial<Stack> = {},
): Stack & { readonly closed: () => number } {
  let closed = 0;
  const refuse = () => Promise.reject(new Error('nobody asked for it'));
  return {
    runs,
    registry: { promote: refuse, rollBack: refuse },
    schedules: {
      ...{ create: refuse, list: refuse, describe: refuse, pause: refuse, resume: refuse },
      ...{ trigger: refuse, backfill: refuse, delete: refuse },
    },
    makeTemplates: () => Promise.resolve(),
    openStore: refuse,
    address: '127.0.0.1:7233',
    namespace: 'default',
    uiAddress: 'http://127.0.0.1:8233',
    objects: join(root, '.nightshift/s3/data/nightshift'),
    own: true,
    close: () => Promise.resolve(void closed++),
    closed: () => closed,
    ...own,
  };
}
