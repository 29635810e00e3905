#!/usr/bin/env node
/** The command line's entry: brings in what is missing, then runs `cli/main.ts`. Needs nothing installed. */
import { installPackages } from './infra/local/packages.mjs';
import { checkNode } from './infra/local/prerequisites.mjs';

/** Commands that start servers or load TensorFlow. */
const needSetUp = new Set(['start', 'dev', 'verify-resume']);

// Whoever reads the output may have seen enough: `nightshift list | head -3`.
process.stdout.on('error', (error) => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error;
  process.exit();
});

try {
  checkNode();
  await installPackages(import.meta.dirname, console.error);
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
    const { quietSdk } = await import('./infra/local/environment.ts');
    Object.assign(process.env, quietSdk);
    const { main } = await import('./cli/main.ts');
    process.exitCode = await main(args);
  }
} catch (error) {
  console.error(`nightshift: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}
