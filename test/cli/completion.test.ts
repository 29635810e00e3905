import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Command } from 'commander';
import { addCommands } from '../../cli/commands.ts';
import { complete, completion } from '../../cli/completion.ts';
import { main } from '../../cli/main.ts';
import { fakeRuns, fakeStack, openClone, progressAt } from './support.ts';

/** What is offered after these words, the last of which is being typed. */
async function offered(t: TestContext, ...words: string[]): Promise<string[]> {
  const { cli, out } = await openClone(t);
  const runs = fakeRuns({ progress: progressAt('ingest'), historyLength: 1 });
  await runs.start('article-1', {});
  const program = new Command('nightshift');
  addCommands(program, cli, () => undefined);
  await complete(cli, program, words, () => Promise.resolve(fakeStack(cli.root, runs)));
  return out.lines();
}

test('commands are offered first, none that is hidden', async (t) => {
  const names = await offered(t, '');
  assert.ok(names.includes('train') && names.includes('completion'));
  assert.ok(!names.includes('complete'));
});

test("a command's options are offered where one begins, and an option's choices after it", async (t) => {
  assert.deepEqual(await offered(t, 'status', '-'), ['--json', '--help']);
  assert.deepEqual(await offered(t, 'train', '--preset', ''), ['quickstart', 'article']);
  assert.deepEqual(await offered(t, 'completion', ''), ['bash', 'zsh', 'fish']);
});

test('runs are offered where a command wants one, once', async (t) => {
  assert.deepEqual(await offered(t, 'status', '--json', ''), ['article-1']);
  assert.deepEqual(await offered(t, 'status', 'article-1', ''), []);
});

test('nothing is offered for a value that is free: shells then offer files', async (t) => {
  assert.deepEqual(await offered(t, 'train', '--config', ''), []);
  assert.deepEqual(await offered(t, 'train', '--config', 'status', ''), []);
});

test('without a server no run is offered, and nothing is said', async (t) => {
  const { cli, out, err } = await openClone(t);
  assert.equal(await main(['complete', '--', 'status', ''], cli), 0);
  assert.equal(out.text() + err.text(), '');
});

/** How each shell is asked for what it would offer after `nightshift comp` and `nightshift train --preset a`. */
const questions = {
  bash: [
    '-c',
    `eval "$(nightshift completion bash)"
     ask() { COMP_LINE=$1; COMP_POINT=\${#1}; _nightshift; echo "\${COMPREPLY[@]}"; }
     ask 'nightshift comp'
     ask 'nightshift train --preset a'`,
  ],
  fish: [
    '-c',
    `nightshift completion fish | source
     complete -C 'nightshift comp'
     complete -C 'nightshift train --preset a'`,
  ],
} as const;

for (const [shell, question] of Object.entries(questions)) {
  const isThere = (() => {
    try {
      execFileSync(shell, ['-c', 'true']);
      return true;
    } catch {
      return false;
    }
  })();
  test(`${shell} completes by its script`, { skip: !isThere }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'nightshift-completion-'));
    t.after(() => rm(folder, { recursive: true }));
    await symlink(join(import.meta.dirname, '../../nightshift.mjs'), join(folder, 'nightshift'));
    const PATH = `${folder}:${process.env['PATH']}`;
    const told = execFileSync(shell, question, { env: { ...process.env, PATH } }).toString();
    assert.equal(told, 'completion\narticle\n');
  });
}

test('bash runs nothing that a run is called, and goes on after a colon', async (t) => {
  const { cli, out } = await openClone(t);
  completion(cli, 'bash', {});
  const script = `${out.text()}
    nightshift() { printf '%s\\n' 'night:$(echo run)' night:2 'other'; }
    ask() { COMP_LINE=$1; COMP_POINT=\${#1}; _nightshift; printf '%s\\n' "\${COMPREPLY[@]}"; }
    ask 'nightshift status night:'
    ask 'nightshift status o'`;
  assert.equal(execFileSync('bash', ['-c', script]).toString(), '\\$\\(echo\\ run\\)\n2\nother\n');
});
