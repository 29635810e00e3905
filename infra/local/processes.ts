/** The processes of a clone's stack: written down as soon as they are there, for the next supervisor to find. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, isAlive, signal } from './process-identity.mjs';
import type { ProcessIdentity } from './process-identity.mjs';
import { writeJson } from './state.ts';

/** Something started, ended or was restarted. */
export interface StackEvent {
  readonly process: string;
  readonly message: string;
}

export interface KnownProcess extends ProcessIdentity {
  /** A server's. */
  readonly port?: number;
}

export interface Processes {
  /** To be called in the tick that started it: there is no moment in which nobody knows of it. */
  add(name: string, started: KnownProcess): void;
  /** The living process of this name, of this supervisor or of an earlier one. */
  find(name: string): KnownProcess | undefined;
  /** Ends the process of this name, if it lives. */
  end(name: string, graceMs: number): Promise<void>;
  /** Without waiting: for the end of this process. */
  readonly killAll: () => void;
}

export function openProcesses(directory: string, onEvent: (event: StackEvent) => void): Processes {
  const own = new Map<string, KnownProcess>();
  const find = (name: string): KnownProcess | undefined => {
    const known = own.get(name) ?? survivor(directory, name);
    if (!known || !isAlive(known)) return undefined;
    own.set(name, known);
    return known;
  };
  return {
    find,
    add(name, started) {
      own.set(name, started);
      try {
        mkdirSync(join(directory, 'processes'), { recursive: true });
        writeJson(fileOf(directory, name), started);
      } catch (error) {
        // The disk is full, perhaps: it works all the same, as long as this process lives.
        const message = `process ${started.pid} of ${name} can't be written down: ${(error as Error).message}`;
        onEvent({ process: name, message });
      }
    },
    async end(name, graceMs) {
      const known = find(name);
      if (known) await end(known, graceMs);
    },
    killAll() {
      for (const known of own.values()) signal(known, 'SIGKILL');
    },
  };
}

/** The process of this name that a supervisor wrote down, if it still lives. */
export function survivor(directory: string, name: string): KnownProcess | undefined {
  try {
    const known = JSON.parse(readFileSync(fileOf(directory, name), 'utf8')) as KnownProcess;
    return isAlive(known) ? known : undefined;
  } catch {
    return undefined;
  }
}

const fileOf = (directory: string, name: string): string =>
  join(directory, 'processes', `${name}.json`);
