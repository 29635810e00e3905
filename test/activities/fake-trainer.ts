/** A trainer whose state is a number, for tests of where a segment begins and what it stores. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainerHost, WarmTrainer } from '../../activities/trainer-host.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { Numerics } from '../../contract/timeline.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import type { FromTrainer, ToTrainer } from '../../model/trainer-messages.ts';
import type { TrainerEvent } from '../../model/trainer-client.ts';

export interface FakeTrainer extends TrainerHost {
  /** The state it holds: how many steps it has seen. */
  readonly state: number;
  /** What it was asked, in order. */
  readonly asked: ToTrainer[];
  /** Forgets its state, as a process does that was killed. */
  die(): void;
  /** The loss of the step after this one will not be a number. */
  divergeAfter(step: number): void;
}

export function openFakeTrainer(numerics: Numerics): FakeTrainer {
  let state = Number.NaN;
  let divergesAfter = Infinity;
  const asked: ToTrainer[] = [];

  function answer(request: ToTrainer, onEvent: (event: TrainerEvent) => void): FromTrainer {
    if (request.type === 'load') {
      const { source } = request;
      state =
        source.kind === 'initial'
          ? 0
          : Number(readFileSync(join(source.prefix, '..', bundleFiles[1]), 'utf8'));
      return { type: 'done' };
    }
    if (request.type === 'evaluate') {
      onEvent({ type: 'evaluating', samples: 1 });
      return { type: 'evaluated', evaluation: { samples: 1, loss: 1, accuracy: 0.5, top5: 1 } };
    }
    if (request.type === 'extract') {
      onEvent({ type: 'extracting', seconds: 1 });
      writeFileSync(request.path, `features of ${readFileSync(request.shard.path, 'utf8')}`);
      return { type: 'done' };
    }
    if (request.type !== 'advance') throw new Error(`not expected: ${request.type}`);
    const { fromStep, toStep, saveAt, directory } = request.request;
    if (state !== fromStep) throw new Error(`the state is that of step ${state}, not ${fromStep}`);
    for (let since = state; state < toStep;) {
      if (state === divergesAfter) throw new NightshiftError('Diverged', `step ${state}: no loss`);
      state += 1;
      onEvent({ type: 'step', step: state, loss: 1, learningRate: 0.1, imagesPerSecond: 1 });
      if (!saveAt.includes(state)) continue;
      const folder = join(directory, String(state));
      mkdirSync(folder);
      for (const name of bundleFiles) writeFileSync(join(folder, name), String(state));
      writeFileSync(join(folder, lossesFile), new Uint8Array(4 * (state - since)));
      writeFileSync(join(folder, ledgerFile), '');
      onEvent({
        type: 'saved',
        saved: { step: state, sinceStep: since, directory: folder, stallMs: 0 },
      });
      since = state;
    }
    const images = toStep - fromStep;
    return {
      type: 'advanced',
      step: state,
      loss: 1,
      why: 'reached',
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
      return state;
    },
    divergeAfter: (step) => void (divergesAfter = step),
    die() {
      state = Number.NaN;
      trainer.stateKey = undefined;
    },
    async use(_, work) {
      try {
        return await work(trainer);
      } catch (error) {
        trainer.stateKey = undefined;
        throw error;
      }
    },
    useWarm: (_, work) => work(trainer),
    close: () => undefined,
  };
}
