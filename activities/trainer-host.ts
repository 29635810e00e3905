/** The one trainer of this worker: taken by one activity at a time, kept warm in between with the state it holds. */
import { log } from '@temporalio/activity';
import type { Config } from '../contract/config.ts';
import { NightshiftError } from '../contract/failures.ts';
import type { Conventions } from '../contract/weights.ts';
import { mixingOf } from '../data/mixing.ts';
import { startTrainer } from '../model/trainer-client.ts';
import type { TrainerClient } from '../model/trainer-client.ts';
import type { ProgramRequest } from '../model/trainer-messages.ts';
import type { FetchFile } from '../model/wanted-shards.ts';

/** A trainer and the key of the state it holds; whoever changes the state sets the key. */
export interface WarmTrainer {
  readonly client: TrainerClient;
  /** Undefined: no state, or one that no key names. */
  stateKey: string | undefined;
  /** The step of the state that it last loaded to train on; undefined before. */
  loadedStep?: number;
  /** How long training stood still when a state was last saved; undefined before. */
  stallSeconds?: number;
  /** Saves the state it holds, unless that is saved: to be called before another one takes its place. */
  leave?: (() => Promise<void>) | undefined;
  /** How long a step last took, saving included; undefined before. */
  stepSeconds?: number;
  /** How far it is in the segment under way. */
  seenStep?: number;
}

export interface TrainerHost {
  /**
   * Gives `work` the trainer for this program, alone; whoever was stopped before its turn takes
   * none. Another program, or a dead process, means a new process. When `work` throws, the state is
   * taken to be unknown.
   */
  use<T>(
    program: ProgramRequest,
    signal: AbortSignal,
    work: (trainer: WarmTrainer) => Promise<T>,
  ): Promise<T>;
  /** As `use`, but only with the trainer as it is: undefined when it is another program's, or dead. */
  useWarm<T>(
    program: ProgramRequest,
    work: (trainer: WarmTrainer) => Promise<T>,
  ): Promise<T | undefined>;
  /** Ends the process, its state saved: the GPU is free. That also when it can't be saved, which `StateNotSaved` says. */
  close(): Promise<void>;
}

/** `script`: the module that the trainer's process runs; `fetch`: how it has the stored shards it reads. */
export function openTrainerHost(script: URL, fetch: FetchFile): TrainerHost {
  let queue: Promise<unknown> = Promise.resolve();
  let warm: (WarmTrainer & { readonly program: string }) | undefined;

  const warmFor = (request: ProgramRequest): WarmTrainer | undefined =>
    warm?.client.alive && warm.program === JSON.stringify(request) ? warm : undefined;

  const trainerFor = async (request: ProgramRequest): Promise<WarmTrainer> => {
    const there = warmFor(request);
    if (there) return there;
    // Whose it was meets an older state when it comes back.
    await close().catch((error: unknown) => log.warn(String(error), { error }));
    const program = JSON.stringify(request);
    warm = { client: await startTrainer(script, request, fetch), stateKey: undefined, program };
    return warm;
  };

  const close = async (): Promise<void> => {
    const leaving = warm;
    warm = undefined;
    try {
      if (leaving?.client.alive) await leaving.leave?.();
    } catch (cause) {
      const problem = 'the state that a trainer held was not saved before its process was ended';
      throw new NightshiftError('StateNotSaved', problem, { cause });
    } finally {
      leaving?.client.kill();
    }
  };

  /** One after the other; a trainer whose work has failed has a state that nobody knows. */
  const inTurn = <T>(
    find: () => Promise<WarmTrainer> | WarmTrainer | undefined,
    work: (trainer: WarmTrainer) => Promise<T>,
  ): Promise<T | undefined> => {
    const turn = queue.then(async () => {
      const trainer = await find();
      if (!trainer) return undefined;
      try {
        return await work(trainer);
      } catch (error) {
        trainer.stateKey = undefined;
        trainer.leave = undefined;
        // What did not fit may fit a new process: memory lies free elsewhere by then, or in better order.
        if (isOutOfMemory(error)) trainer.client.kill();
        throw error;
      }
    });
    queue = turn.catch(() => undefined);
    return turn;
  };

  return {
    use: <T>(
      program: ProgramRequest,
      signal: AbortSignal,
      work: (trainer: WarmTrainer) => Promise<T>,
    ) => {
      const find = (): Promise<WarmTrainer> => {
        signal.throwIfAborted();
        return trainerFor(program);
      };
      return inTurn(find, work) as Promise<T>;
    },
    useWarm: (program, work) => inTurn(() => warmFor(program), work),
    close,
  };
}

const isOutOfMemory = (error: unknown): boolean =>
  error instanceof NightshiftError && error.type === 'OutOfMemory';

/** The program of a configuration: the same for all who want it warm. */
export function programFor(
  { model, training, augment }: Config,
  classes: number,
  conventions: Conventions,
): ProgramRequest {
  return { model, training, classes, conventions, mixing: mixingOf(augment) };
}

/** Passes cancellation and shutdown on: the trainer ends its step, saves and hands back. */
export async function untilStopped<T>(
  trainer: WarmTrainer,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const stop = (): void => trainer.client.tell({ type: 'stop' });
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
