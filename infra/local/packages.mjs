/** The npm packages of a clone: brought in when they are not those of its package-lock.json. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lock } from './lock.mjs';

const run = promisify(execFile);

/**
 * `npm ci` empties node_modules first, so it waits for another that runs, and is refused while
 * the clone's own servers and workers live on what is there.
 * @param {string} root The clone's folder.
 * @param {(line: string) => void} log
 */
export async function installPackages(root, log) {
  if (areInstalled(root)) return;
  const state = join(root, '.nightshift');
  let waits = false;
  const unlock = await lock(join(state, 'install.lock'), ({ pid }) => {
    if (!waits) log(`npm packages: process ${pid} installs them, waiting`);
    waits = true;
  });
  try {
    if (areInstalled(root)) return;
    // The supervisor's own lock: none may start meanwhile.
    const unlockStack = await lock(join(state, 'lock.json'), ({ pid }) => {
      throw new Error(
        `package-lock.json has changed, but this clone's servers and workers run under process ${pid} from the packages as they were: stop them first (Ctrl-C where they were started)`,
      );
    });
    try {
      log('npm packages: installing (once)');
      // Whatever NODE_ENV says: the type checker and the linter are among them.
      const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
      await run('npm', args, { cwd: root, maxBuffer: 2 ** 26 });
    } catch (error) {
      const { stderr, message } = /** @type {Error & { stderr?: string }} */ (error);
      const problem = stderr?.includes('ENOSPC')
        ? `no space is left for ${join(root, 'node_modules')}, or in npm's own cache (\`npm config get cache\`): free 2 GiB on their disks`
        : stderr?.trim() || message;
      throw new Error(`npm ci: ${problem}`, { cause: error });
    } finally {
      unlockStack();
    }
  } finally {
    unlock();
  }
}

/**
 * Whether npm's own record of node_modules, written when an installation is whole, has all that
 * package-lock.json names; packages for other platforms are not in it.
 * @param {string} root
 */
function areInstalled(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  /** @type {ReturnType<typeof packagesOf>} */
  let there;
  try {
    there = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  } catch {
    return false;
  }
  return Object.entries(wanted).every(([path, { integrity, optional }]) => {
    const found = there[path];
    return path === '' || (found ? found.integrity === integrity : optional === true);
  });
}

/**
 * @param {string} file
 * @returns {Record<string, { integrity?: string, optional?: boolean }>} by path, '' for the clone itself
 */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
