/** Shell scripts and the CI's workflows, by the linters of their field. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { actionLintPath, shellCheckPath } from './linters.ts';

const cwd = fileURLToPath(new URL('../../', import.meta.url));

/** Files that git knows, by a pattern of its own. */
const tracked = (...patterns: string[]): string[] =>
  execFileSync('git', ['ls-files', ...patterns], { cwd, encoding: 'utf8' })
    .trim()
    .split('\n');

/** What a linter says; nothing when it finds nothing. */
function lint(linter: string, args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(linter, args, { cwd, encoding: 'utf8' });
  return status === 0 ? '' : stdout + stderr;
}

test('ShellCheck finds nothing in the shell scripts', async () => {
  const scripts = tracked('.ci/run', '*.sh');
  assert.ok(scripts.includes('bench/gpu.sh'), scripts.join(', '));
  assert.equal(lint(await shellCheckPath(), scripts), '');
});

test('actionlint finds nothing in the workflows of the CI', async () => {
  const workflows = tracked('.github/workflows/*.yml');
  assert.ok(workflows.length > 0);
  const args = ['-shellcheck', await shellCheckPath(), ...workflows];
  assert.equal(lint(await actionLintPath(), args), '');
});
