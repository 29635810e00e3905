/** Keeps a server up: one that ended or does not answer any more is started again, on the same port. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './process-identity.mjs';
import type { StackEvent } from './processes.ts';
import type { Server } from './servers.ts';

/** A server that is stuck is noticed within half a minute; one that is busy for some seconds is left alone. */
const defaultPace = { lookEveryMs: 1_000, lookAgainMs: 3_000, silences: 4 };

/** Resolves once `closing` aborts; the server then runs, unless it could not be started again. */
export async function keepServer(
  name: string,
  first: Server,
  startAgain: () => Promise<Server>,
  onEvent: (event: StackEvent) => void,
  closing: AbortSignal,
  pace = defaultPace,
): Promise<void> {
  const say = (message: string): void => onEvent({ process: name, message });
  let server = first;
  let silences = 0;
  while (!closing.aborted) {
    const pauseMs = silences === 0 ? pace.lookEveryMs : pace.lookAgainMs;
    await sleep(pauseMs, undefined, { signal: closing }).catch(() => undefined);
    if (closing.aborted) return;
    if (isAlive(server.process)) {
      silences = (await server.answers()) ? 0 : silences + 1;
      if (silences < pace.silences) continue;
      say(`${name} runs but does not answer; starting it again`);
      await server.stop();
    } else {
      say(`${name} ended; starting it again`);
    }
    try {
      server = await startAgain();
      silences = 0;
    } catch (error) {
      say((error as Error).message);
      silences = 1; // look again, but not at once
    }
  }
}
