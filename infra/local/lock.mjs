/**
 * A lock file: held by a process, and free again when that process has ended, however it did.
 * Plain JavaScript: set-up needs it before any package is there.
 */
import { randomUUID } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive } from './process-identity.mjs';

/** @typedef {import('./process-identity.mjs').ProcessIdentity & { host: string }} Holder */

const lookEveryMs = 100;
/** A holder touches its file; one whose process cannot be asked counts as ended when it stops. */
const touchEveryMs = 2_000;
const staleAfterMs = 20_000;

/**
 * Waits for the lock; the returned function gives it back.
 * @param {string} path
 * @param {(holder: Holder) => void} onHeld Called at each look that finds it held; may throw, to give up.
 * @returns {Promise<() => void>}
 */
export async function lock(path, onHeld) {
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    const unlock = tryLock(path);
    if (unlock) return unlock;
    const holder = lockHolder(path);
    if (holder) onHeld(holder);
    await sleep(lookEveryMs);
  }
}

/**
 * The process that holds the lock, if one does.
 * @param {string} path
 * @returns {Holder | undefined}
 */
export function lockHolder(path) {
  const found = look(path);
  return found?.stale ? undefined : found?.holder;
}

/**
 * @param {string} path
 * @returns {(() => void) | undefined} gives it back; undefined when another has it
 */
function tryLock(path) {
  const token = randomUUID();
  const own = JSON.stringify({ ...identify(process.pid), host: hostname(), token });
  const part = `${path}.${token}`;
  try {
    writeFileSync(part, own);
    linkSync(part, path); // takes it whole or not at all
    return holding(path, own);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  } finally {
    rmSync(part, { force: true });
  }
  if (!look(path)?.stale) return undefined;
  // Removing it is for one heir at a time, which looks again: or it might remove what another heir
  // has taken by now. This second lock may be a dead heir's in its turn.
  const unlockHeir = tryLock(`${path}.heir`);
  if (!unlockHeir) return undefined;
  if (look(path)?.stale) rmSync(path, { force: true });
  unlockHeir();
  return tryLock(path);
}

/**
 * @param {string} path
 * @param {string} own
 */
function holding(path, own) {
  const timer = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Somebody deleted it.
    }
  }, touchEveryMs).unref();
  return () => {
    clearInterval(timer);
    if (look(path)?.text === own) rmSync(path, { force: true });
  };
}

/**
 * What is there; undefined when there is no file. A process of this machine is asked for; of
 * another machine's, and of a file that is cut off, the age tells.
 * @param {string} path
 * @returns {{ text: string, holder: Holder | undefined, stale: boolean } | undefined}
 */
function look(path) {
  try {
    const text = readFileSync(path, 'utf8');
    const ageMs = Date.now() - statSync(path).mtimeMs;
    const holder = parse(text);
    const stale = holder?.host === hostname() ? !isAlive(holder) : ageMs > staleAfterMs;
    return { text, holder, stale };
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * @param {string} text
 * @returns {Holder | undefined}
 */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
