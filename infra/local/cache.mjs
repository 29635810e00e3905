/** The cache of what set-up makes: an entry is a folder, made whole elsewhere and then moved to its name. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkDisk } from './prerequisites.mjs';

/**
 * @typedef {object} Recipe
 * @property {string} name
 * @property {unknown} key What the outcome depends on, beside the recipe's own file.
 * @property {string} file The recipe's own file: a changed recipe makes a new entry.
 * @property {(directory: string) => Promise<void>} make Fills the folder.
 */

/** @returns {string} `NIGHTSHIFT_CACHE`, or by XDG's rules */
export function cacheRoot() {
  const { NIGHTSHIFT_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  return own || join(xdg || join(homedir(), '.cache'), 'nightshift');
}

/**
 * The folder of a recipe's outcome, made if it is not there. Of several processes one makes it;
 * what a killed one left is swept.
 * @param {Recipe} recipe
 * @param {(line: string) => void} log
 * @returns {Promise<string>}
 */
export async function cached(recipe, log) {
  const digest = createHash('sha256')
    .update(JSON.stringify(recipe.key))
    .update(await readFile(recipe.file))
    .digest('hex');
  const entry = join(cacheRoot(), `${recipe.name}-${digest.slice(0, 16)}`);
  if (existsSync(entry)) return entry;

  checkDisk(cacheRoot());
  const unlock = await lock(`${entry}.lock`, () =>
    log(`${recipe.name}: another set-up makes it, waiting`),
  );
  try {
    if (existsSync(entry)) return entry;
    const part = `${entry}.part`;
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    log(`${recipe.name}: setting up (once)`);
    const startedAt = Date.now();
    try {
      await recipe.make(part);
    } catch (error) {
      await rm(part, { recursive: true, force: true });
      throw new Error(`${recipe.name}: ${/** @type {Error} */ (error).message}`, { cause: error });
    }
    await rename(part, entry);
    log(`${recipe.name}: done in ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
    await sweepOlder(recipe.name, entry);
    return entry;
  } finally {
    await unlock();
  }
}

/**
 * @param {string} path
 * @param {() => void} onWait
 * @returns {Promise<() => Promise<void>>}
 */
async function lock(path, onWait) {
  let waited = false;
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (holder && !isAlive(holder)) {
      // Of two that see it only one moves it away.
      const moved = `${path}.${process.pid}`;
      await rename(path, moved).catch(() => undefined);
      await rm(moved, { force: true });
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await sleep(200);
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Entries of the same tool that were last made three versions ago are let go of: other clones may
 * still use the newer ones.
 * @param {string} name
 * @param {string} entry
 */
async function sweepOlder(name, entry) {
  const { stat } = await import('node:fs/promises');
  const names = (await readdir(cacheRoot())).filter((other) =>
    new RegExp(`^${name}-[0-9a-f]{16}$`).test(other),
  );
  const aged = await Promise.all(
    names.map(async (other) => {
      const path = join(cacheRoot(), other);
      return { path, madeMs: (await stat(path)).ctimeMs };
    }),
  );
  const old = aged.toSorted((a, b) => b.madeMs - a.madeMs).slice(3);
  for (const { path } of old) if (path !== entry) await rm(path, { recursive: true, force: true });
}
