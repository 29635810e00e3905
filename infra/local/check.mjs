/** `npm test`: format, lint with the import table, types, then every test that needs no more than the set-up. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Suites that install more than the set-up brings; each is run by its folder's name. */
const suites = ['test/parity/', 'test/browser/', 'test/infra/'];

/**
 * @param {string[]} paths Test files or folders of them; without any, all that `npm test` stands for.
 * @returns {number} the exit code
 * @throws {Error} when no test is there: none run would count as passed
 */
export function check(paths) {
  if (paths.length > 0) {
    const files = allTests().filter((file) => paths.some((path) => file.startsWith(path)));
    if (files.length > 0) return test(files);
    throw new Error(
      `no test file begins with ${paths.join(' or ')}: name one as it stands below the clone, such as test/contract/plan.test.ts`,
    );
  }
  for (const [tool = '', ...args] of [
    ['oxfmt', '--check', '.'],
    ['oxlint', '--type-aware', '--quiet'],
    ['tsc', '--noEmit', '-p', '.'],
  ]) {
    console.error(`> ${tool} ${args.join(' ')}`);
    const status = run(join(root, 'node_modules/.bin', tool), args);
    if (status !== 0) return status;
  }
  return test(allTests().filter((file) => !suites.some((suite) => file.startsWith(suite))));
}

/** @param {string[]} files */
function test(files) {
  const args = ['--import', 'tsx', '--test', '--test-concurrency=2', ...files];
  return run(process.execPath, args);
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

function allTests() {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file}`)
    .filter((file) => file.endsWith('.test.ts'))
    .toSorted();
}
