/** The training loop: one compiled step after the other, saving between two of them. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NightshiftError } from '../contract/failures.ts';
import type { Batches } from '../data/batches.ts';
import { bundleName, ledgerFile, lossesFile } from './checkpoint-files.ts';
import { decidedRate } from './learning-rate.ts';
import type { Program } from './program.ts';
import { inputOf } from './records.ts';
import type {
  AdvanceRequest,
  Advanced,
  SavedState,
  ShardFailure,
  StepEvent,
} from './trainer-messages.ts';

export interface LoopControl {
  /** Ends the loop between two steps, the state saved. */
  readonly stop: AbortSignal;
  onStep(event: StepEvent): void;
  onSaved(saved: SavedState): void;
}

/** What the steps since the last saved state read and lost; goes on from one call to the next. */
export interface StepRecord {
  /** The saved state, or the one that was loaded. */
  sinceStep: number;
  /** When it was saved, in milliseconds of `performance.now()`. */
  savedAtMs: number;
  losses: number[];
  ids: string[];
  /** Of the newest step. */
  learningRate: number;
}

export const openRecord = (sinceStep: number): StepRecord => ({
  sinceStep,
  savedAtMs: performance.now(),
  losses: [],
  ids: [],
  learningRate: 0,
});

/**
 * Takes the steps of `request`; `batches` begin at its first one. Where records can't be had the
 * state is saved, and the caller told. Throws `Diverged` at the first loss that is not finite, or
 * when weights that are not would be saved.
 */
export async function advance(
  program: Program,
  batches: Batches,
  record: StepRecord,
  request: AdvanceRequest,
  control: LoopControl,
): Promise<Advanced> {
  const { seed, fromStep, toStep, statePrefix } = request;
  const { stop } = control;
  const saveAt = new Set(request.saveAt);
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  let step = fromStep;
  let loss: number | null = null;
  let images = 0;
  let waitMs = 0;
  let failure: ShardFailure | undefined;

  const save = (): void => {
    const saved = saveRecord(program, record, statePrefix);
    if (saved) control.onSaved(saved);
  };
  const isDue = (): boolean =>
    saveAt.has(step) || performance.now() - record.savedAtMs >= 1000 * request.saveEverySeconds;
  // At least one: a slice that preparations used up must still get on.
  const hasTime = (): boolean => step === fromStep || seconds() < request.seconds;
  while (step < toStep && !stop.aborted && hasTime()) {
    const batch = await batches.next(stop).catch(({ name, message }: Error) => {
      if (!stop.aborted) failure = { name, message };
      return 'none' as const;
    });
    if (batch === 'none') break;
    if (!batch) throw new Error(`step ${step}: the epoch has no more samples`);
    const learningRate = decidedRate(request, step);
    loss = program.train(inputOf(batch, request.records), { learningRate, step, seed });
    if (!Number.isFinite(loss)) throw diverged(step, `the loss is ${loss}`, learningRate);
    record.learningRate = learningRate;
    record.losses.push(loss);
    record.ids.push(...batch.ids);
    images += batch.labels.length;
    waitMs += batch.waitedMs;
    step += 1;
    batch.release();
    control.onStep({ step, loss, learningRate, imagesPerSecond: images / seconds() });
    if (isDue()) save();
    // Lets the parent's messages in.
    await new Promise(setImmediate);
  }
  const early = failure ? 'starved' : stop.aborted ? 'stopped' : 'slice';
  const why = step === toStep ? 'reached' : early;
  if (why !== 'reached') save();
  const came: Advanced = {
    step,
    loss,
    why,
    images,
    seconds: seconds(),
    waitSeconds: waitMs / 1000,
  };
  return failure ? { ...came, failure } : came;
}

/**
 * Writes the state that the record leads to into the folder `statePrefix`, a dash and its step, and begins
 * the record anew, unless that is `aside`; undefined when that state is saved already. Throws
 * `Diverged`.
 */
export function saveRecord(
  program: Program,
  record: StepRecord,
  statePrefix: string,
  { aside }: { readonly aside: boolean } = { aside: false },
): SavedState | undefined {
  const { sinceStep, losses, ids, learningRate } = record;
  if (losses.length === 0) return undefined;
  const startedAt = performance.now();
  const step = sinceStep + losses.length;
  const [first, ...others] = program.unsound();
  if (first !== undefined) {
    const all = others.length > 0 ? `${first} and ${others.length} other variables` : first;
    const problem = `NaN or an infinity in ${all} (the loss before was ${losses.at(-1)})`;
    throw diverged(step, problem, learningRate);
  }
  const folder = `${statePrefix}-${step}`;
  try {
    mkdirSync(folder, { recursive: true });
    program.save(join(folder, bundleName));
    writeFileSync(join(folder, lossesFile), new Uint8Array(Float32Array.from(losses).buffer));
    writeFileSync(join(folder, ledgerFile), ids.map((id) => `${id}\n`).join(''));
  } catch (error) {
    // Tries on a full disk would never let it get emptier.
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  if (!aside) Object.assign(record, openRecord(step));
  return { step, sinceStep, directory: folder, stallMs: performance.now() - startedAt };
}

function diverged(step: number, problem: string, learningRate: number): NightshiftError {
  return new NightshiftError(
    'Diverged',
    `step ${step}: ${problem} at learning rate ${learningRate}; use a lower training.learningRate.initial, or a warm-up`,
  );
}
