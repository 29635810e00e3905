#!/usr/bin/env node
/** The command line's entry: brings in what is missing, then runs `cli/main.ts`. Needs nothing installed. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNode } from './infra/local/prerequisites.mjs';

const root = import.meta.dirname;
/** Commands that start servers or load TensorFlow. */
const needSetUp = new Set(['start', 'dev']);

try {
  checkNode();
  installPackages();
  const args = process.argv.slice(2);
  const { setUp } = await import('./infra/local/setup.mjs');
  if (args[0] === 'test') {
    const { check } = await import('./infra/local/check.mjs');
    await setUp(console.error);
    process.exitCode = check(args.slice(1));
  } else {
    if (needSetUp.has(args[0] ?? '') && !args.includes('--help')) await setUp(console.error);
    const { register } = await import('tsx/esm/api');
    register();
    const { main } = await import('./cli/main.ts');
    process.exitCode = await main(args);
  }
} catch (error) {
  console.error(`nightshift: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}

/** `npm ci`, when the lock file is not the one that node_modules was made from. */
function installPackages() {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.nightshift');
  try {
    if (readFileSync(stamp, 'utf8') === digest) return;
  } catch {
    // Never installed by us; perhaps by a bare `npm ci`, which is quick to repeat.
  }
  console.error('npm packages: installing (once)');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(stamp, digest);
}
