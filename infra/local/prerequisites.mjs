/** What the machine must have, each missing thing said in one line with its remedy. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';

/**
 * @typedef {'linux-x64' | 'linux-arm64' | 'darwin-arm64'} Target
 * @typedef {{ target: Target, libc: string }} Platform
 */

const targets = ['linux-x64', 'linux-arm64', 'darwin-arm64'];
/**
 * @returns {Platform}
 * @throws {Error} one line: what is missing, and the remedy
 */
export function checkMachine() {
  checkNode();
  const target = `${process.platform}-${process.arch}`;
  if (!targets.includes(target)) {
    throw new Error(`${target} is not supported: use one of ${targets.join(', ')}`);
  }
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    process.report?.getReport()
  );
  const glibc = report.header.glibcVersionRuntime;
  if (process.platform === 'linux' && !glibc) {
    throw new Error('TensorFlow needs glibc: use a distribution with it (Debian, Ubuntu, Fedora)');
  }
  return { target: /** @type {Target} */ (target), libc: glibc ?? 'darwin' };
}

/** @throws {Error} for a Node that the addon does not run on */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if ((major === 20 && minor >= 12) || major === 21 || major === 22) return;
  throw new Error(
    `Node ${process.versions.node} will not do, for TensorFlow's addon runs on 20.12 to 22: install Node 22`,
  );
}

/**
 * Only asked before something is built.
 * @param {string} directory
 * @param {number} [neededGiB]
 */
export function checkDisk(directory, neededGiB = 3) {
  mkdirSync(directory, { recursive: true });
  const { bavail, bsize } = statfsSync(directory);
  const gib = (bavail * bsize) / 2 ** 30;
  if (gib < neededGiB) {
    throw new Error(
      `${directory} has ${gib.toFixed(1)} GiB left, set-up needs ${neededGiB}: free some, or set NIGHTSHIFT_CACHE to a folder with more`,
    );
  }
}

/** @returns {string} the C++ compiler */
export function findCompiler() {
  for (const compiler of [process.env['CXX'], 'c++', 'g++', 'clang++']) {
    if (compiler && runs(compiler, '--version')) return compiler;
  }
  throw new Error(
    'no C++ compiler: install one (Debian: apt install g++; macOS: xcode-select --install)',
  );
}

/** @returns {string} a Python 3.9 or later that has pip */
export function findPython() {
  for (const python of ['python3', 'python']) {
    if (!runs(python, '-c', 'import sys; assert sys.version_info >= (3, 9)')) continue;
    if (runs(python, '-m', 'pip', '--version')) return python;
    throw new Error(`${python} has no pip: install it (Debian: apt install python3-pip)`);
  }
  throw new Error(
    'no Python 3.9 or later: install it with pip (Debian: apt install python3 python3-pip)',
  );
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function runs(command, ...args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
