/** `npm test`: format, lint with the import table, types, then every test that needs no more than the set-up. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Suites that install more than the set-up brings. */
const suites = ['test/parity/', 'test/browser/', 'test/infra/'];

/**
 * @param {string[]} files The test files; all when none is named.
 * @returns {number} the exit code
 */
export function check(files) {
  if (files.length === 0) {
    const steps = [
      ['oxfmt', '--check', '.'],
      ['oxlint', '--type-aware', '--quiet'],
      ['tsc', '--noEmit', '-p', '.'],
    ];
    for (const [tool = '', ...args] of steps) {
      console.error(`> ${tool} ${args.join(' ')}`);
      const { status } = spawnSync(join(root, 'node_modules/.bin', tool), args, {
        cwd: root,
        stdio: 'inherit',
      });
      if (status !== 0) return status ?? 1;
    }
  }
  const tests = files.length > 0 ? files : allTests();
  const { status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--test', '--test-concurrency=2', ...tests],
    { cwd: root, stdio: 'inherit' },
  );
  return status ?? 1;
}

function allTests() {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file}`)
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => !suites.some((suite) => file.startsWith(suite)))
    .toSorted();
}
