/** A trainer that computes no network: its state is a digest of every step taken and its learning rate. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainerHost, WarmTrainer } from '../../activities/trainer-host.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { Numerics } from '../../contract/timeline.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { decidedRate } from '../../model/learning-rate.ts';
import type { AdvanceRequest, FromTrainer, ToTrainer } from '../../model/trainer-messages.ts';
import type { TrainerEvent } from '../../model/trainer-client.ts';

export interface FakeTrainer extends TrainerHost {
  /** How many steps the state it holds has seen. */
  readonly state: number;
  /** What it was asked, in order. */
  readonly asked: ToTrainer[];
  /** Forgets its state, as a process does that was killed. */
  die(): void;
  /** Dies once after so many steps, before it takes the next one or evaluates. */
  dieAfter(step: number): void;
  /** Dies once as it saves the state after so many steps, a part of it written. */
  dieSaving(step: number): void;
  /** Once, after so many steps, finds that its next records are damaged. */
  starveAfter(step: number): void;
  /** What a validation after so many steps finds; 0.5 without it. */
  scoreAt(step: number, accuracy: number): void;
  /** The loss of the step after this one will not be a number. */
  divergeAfter(step: number): void;
}

interface State {
  readonly step: number;
  /** Another after any other way to this step. */
  readonly bits: string;
}

export function openFakeTrainer(numerics: Numerics): FakeTrainer {
  let state: State = { step: Number.NaN, bits: '' };
  /** The steps since the last saved state. */
  let losses: number[] = [];
  let divergesAfter = Infinity;
  let starvesAfter: number | undefined;
  const deaths = new Set<number>();
  const deathsInSaves = new Set<number>();
  const accuracies = new Map<number, number>();
  const asked: ToTrainer[] = [];

  function die(): void {
    state = { step: Number.NaN, bits: '' };
    losses = [];
    trainer.stateKey = undefined;
    trainer.leave = undefined;
  }

  function dieIfDue(due = deaths): void {
    const { step } = state;
    if (!due.delete(step)) return;
    die();
    throw new NightshiftError('TrainerDied', `the trainer's process ended after step ${step}`);
  }

  function take(request: AdvanceRequest): void {
    dieIfDue();
    const { step, bits } = state;
    if (step === divergesAfter) throw new NightshiftError('Diverged', `step ${step}: no loss`);
    const next = createHash('sha256').update(`${bits} ${step} ${decidedRate(request, step)}`);
    state = { step: step + 1, bits: next.digest('hex') };
    losses.push(Number.parseInt(state.bits.slice(0, 6), 16) / 2 ** 24);
  }

  function save(statePrefix: string, aside = false): TrainerEvent {
    const { step } = state;
    const folder = `${statePrefix}-${step}`;
    const sinceStep = step - losses.length;
    mkdirSync(folder);
    const [index, variables] = bundleFiles;
    writeFileSync(join(folder, index), `the index of step ${step}`);
    dieIfDue(deathsInSaves);
    writeFileSync(join(folder, variables), JSON.stringify(state));
    writeFileSync(join(folder, lossesFile), new Uint8Array(Float32Array.from(losses).buffer));
    writeFileSync(join(folder, ledgerFile), losses.map((_, at) => `${sinceStep + at}\n`).join(''));
    if (!aside) losses = [];
    return { type: 'saved', saved: { step, sinceStep, directory: folder, stallMs: 0 } };
  }

  function answer(request: ToTrainer, onEvent: (event: TrainerEvent) => void): FromTrainer {
    if (request.type === 'load') {
      const { source } = request;
      losses = [];
      state =
        source.kind === 'initial'
          ? { step: 0, bits: `seed ${source.seed}` }
          : (JSON.parse(readFileSync(join(source.prefix, '..', bundleFiles[1]), 'utf8')) as State);
      return { type: 'done' };
    }
    if (request.type === 'evaluate') {
      dieIfDue();
      onEvent({ type: 'evaluating', samples: 1 });
      const accuracy = accuracies.get(state.step) ?? 0.5;
      return { type: 'evaluated', evaluation: { samples: 1, loss: 1, accuracy, top5: 1 } };
    }
    if (request.type === 'extract') {
      onEvent({ type: 'extracting', seconds: 1 });
      writeFileSync(request.path, `features of ${readFileSync(request.shard.path, 'utf8')}`);
      return { type: 'done' };
    }
    if (request.type === 'save') {
      if (losses.length > 0) onEvent(save(request.statePrefix, request.aside));
      return { type: 'done' };
    }
    if (request.type !== 'advance') throw new Error(`not expected: ${request.type}`);
    const { fromStep, toStep, saveAt, statePrefix } = request.request;
    if (state.step !== fromStep) {
      throw new Error(`the state is that of step ${state.step}, not ${fromStep}`);
    }
    while (state.step < toStep && state.step !== starvesAfter) {
      take(request.request);
      const { step } = state;
      onEvent({ type: 'step', step, loss: 1, learningRate: 0.1, imagesPerSecond: 1 });
      if (saveAt.includes(step)) onEvent(save(statePrefix));
    }
    const images = state.step - fromStep;
    const starved = state.step < toStep;
    if (starved) {
      starvesAfter = undefined;
      if (losses.length > 0) onEvent(save(statePrefix));
    }
    return {
      type: 'advanced',
      step: state.step,
      loss: 1,
      why: starved ? 'starved' : 'reached',
      ...(starved && { failure: { name: 'DamagedObject', message: 's3://b/k: is missing' } }),
      images,
      seconds: 1,
      waitSeconds: 0,
    };
  }

  const trainer: WarmTrainer = {
    stateKey: undefined,
    client: {
      pid: 0,
      numerics,
      featureGraph: '5'.repeat(64),
      alive: true,
      async ask(request, onEvent = () => undefined) {
        asked.push(request);
        return answer(request, onEvent) as never;
      },
      tell: () => undefined,
      kill: () => undefined,
    },
  };
  return {
    asked,
    get state() {
      return state.step;
    },
    dieAfter: (step) => void deaths.add(step),
    dieSaving: (step) => void deathsInSaves.add(step),
    starveAfter: (step) => void (starvesAfter = step),
    scoreAt: (step, accuracy) => void accuracies.set(step, accuracy),
    divergeAfter: (step) => void (divergesAfter = step),
    die,
    async use(_, _signal, work) {
      try {
        return await work(trainer);
      } catch (error) {
        trainer.stateKey = undefined;
        trainer.leave = undefined;
        throw error;
      }
    },
    useWarm: (_, work) => work(trainer),
    async close() {
      await trainer.leave?.();
      trainer.leave = undefined;
    },
  };
}

/** As the training loop has it. */
