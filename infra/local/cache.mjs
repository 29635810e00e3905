/** The cache of what set-up makes: an entry is a folder, made whole elsewhere and then moved to its name. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { lock } from './lock.mjs';
import { checkDisk } from './prerequisites.mjs';

/**
 * @typedef {object} Recipe
 * @property {string} name
 * @property {unknown} key What the outcome depends on, beside the recipe's own file.
 * @property {string} file The recipe's own file: a changed recipe makes a new entry.
 * @property {number} [neededGiB] On disk, and for a while in making it; 3 without it.
 * @property {() => void} [check] Throws, in one line, what the machine lacks for making it.
 * @property {(directory: string) => Promise<void>} make Fills the folder.
 */

/** @returns {string} `NIGHTSHIFT_CACHE`, or by XDG's rules */
function cacheRoot() {
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
  const entry = await entryOf(recipe);
  if (existsSync(entry)) return entry;

  checkDisk(cacheRoot(), recipe.neededGiB);
  let waits = false;
  const unlock = await lock(`${entry}.lock`, ({ pid, host }) => {
    if (!waits) log(`${recipe.name}: process ${pid} on ${host} makes it, waiting`);
    waits = true;
  });
  try {
    if (existsSync(entry)) return entry;
    await sweepParts(entry);
    // A name of its own: what a killed set-up started may still write into the old one.
    const part = `${entry}.${randomUUID()}.part`;
    await mkdir(part);
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
    unlock();
  }
}

/**
 * Throws what the machine lacks for a recipe whose outcome is not there: to be asked before others
 * are made, which take minutes.
 * @param {Recipe} recipe
 */
export async function checkNeeds(recipe) {
  if (!existsSync(await entryOf(recipe))) recipe.check?.();
}

/**
 * @param {Recipe} recipe
 * @returns {Promise<string>} the folder of its outcome
 */
async function entryOf({ name, key, file }) {
  const digest = createHash('sha256')
    .update(JSON.stringify(key))
    .update(await readFile(file))
    .digest('hex');
  return join(cacheRoot(), `${name}-${digest.slice(0, 16)}`);
}

/**
 * What killed set-ups left half made; where a child of one still writes, the next sweep has it.
 * @param {string} entry
 */
async function sweepParts(entry) {
  for (const name of await readdir(cacheRoot())) {
    const path = join(cacheRoot(), name);
    if (!path.startsWith(entry) || !name.endsWith('.part')) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Entries of the same tool that were last made three versions ago are let go of: other clones may
 * still use the newer ones.
 * @param {string} name
 * @param {string} entry
 */
async function sweepOlder(name, entry) {
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
