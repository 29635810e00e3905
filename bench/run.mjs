/** `npm run bench -- <name> [options]`: runs one benchmark. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { register } from 'tsx/esm/api';

const [name = '', ...args] = process.argv.slice(2);
const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
if (names.includes(name)) {
  register();
  const { bench } = await import(join(import.meta.dirname, name, 'bench.ts'));
  await bench(args);
} else {
  console.error(`npm run bench -- <name>: one of ${names.join(', ')}; --help for its options`);
  process.exitCode = 2;
}
