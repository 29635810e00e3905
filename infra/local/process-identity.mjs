/**
 * Who a process is: its id is not enough, for the system gives it to another one day. Plain
 * JavaScript: set-up needs it before any package is there.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} ProcessIdentity
 * @property {number} pid
 * @property {string} startedAt As the system writes it: only compared.
 */

/**
 * The process that now has this id; undefined when none has.
 * @param {number} pid
 * @returns {ProcessIdentity | undefined}
 */
export function identify(pid) {
  const startedAt = process.platform === 'linux' ? startOnLinux(pid) : startElsewhere(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** @param {ProcessIdentity} identity */
export function isAlive({ pid, startedAt }) {
  return identify(pid)?.startedAt === startedAt;
}

/**
 * Asks the process to end, and after `graceMs` kills it. A process of another start is not touched.
 * @param {ProcessIdentity} identity
 * @param {number} graceMs
 */
export async function end(identity, graceMs) {
  signal(identity, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (isAlive(identity)) {
    if (performance.now() > deadline) signal(identity, 'SIGKILL');
    await sleep(20);
  }
}

/**
 * @param {ProcessIdentity} identity
 * @param {NodeJS.Signals} name
 */
export function signal(identity, name) {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch {
    // It ended in between.
  }
}

/**
 * Field 22 of /proc/<pid>/stat; the name before it may hold spaces and brackets. A zombie counts as ended.
 * @param {number} pid
 */
function startOnLinux(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/**
 * In one language and time zone, whatever the caller's: two processes compare what they read.
 * @param {number} pid
 */
function startElsewhere(pid) {
  try {
    const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    return line.trim() || undefined;
  } catch {
    return undefined;
  }
}
