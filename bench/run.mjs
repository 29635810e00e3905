/** `npm run bench -- <name> [options]`: brings in what is missing, then runs one benchmark. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from '../infra/local/packages.mjs';
import { checkNode } from '../infra/local/prerequisites.mjs';
import { setUp } from '../infra/local/setup.mjs';

const [name = '', ...args] = process.argv.slice(2);
const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
if (names.includes(name)) {
  checkNode();
  await installPackages(join(import.meta.dirname, '..'), console.error);
  await setUp(console.error);
  const { register } = await import('tsx/esm/api');
  register();
  // What it forks, such as a trainer, is TypeScript too.
  process.execArgv.push('--import', 'tsx');
  const { quietSdk } = await import('../infra/local/environment.ts');
  Object.assign(process.env, quietSdk);
  const { bench } = await import(join(import.meta.dirname, name, 'bench.ts'));
  await bench(args);
} else {
  console.error(`npm run bench -- <name>: one of ${names.join(', ')}; --help for its options`);
  process.exitCode = 2;
}
