/** Ctrl-C: the first press asks for a clean end, the second ends the process at once. */
import { exitCodes } from './cli.ts';

export interface Interruption {
  /** Aborts at the first press. */
  readonly signal: AbortSignal;
  /** Ctrl-C means again what it does by default. */
  dispose(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/** `atFirst` is called at the first press, to say what is going on. */
export function onInterrupt(atFirst: () => void): Interruption {
  const controller = new AbortController();
  const press = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
    atFirst();
  };
  for (const signal of signals) process.on(signal, press);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const signal of signals) process.off(signal, press);
    },
  };
}
