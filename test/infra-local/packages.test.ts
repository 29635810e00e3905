/** The npm packages of a clone whose only package is a folder of its own: nothing is downloaded. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { installPackages } from '../../infra/local/packages.mjs';
import { lockStack } from '../../infra/local/state.ts';

let root: string;
const said: string[] = [];
const log = (line: string): void => void said.push(line);

/** The lock file with the folders of these names as packages. */
async function lockFileWith(...names: string[]): Promise<void> {
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${name}`]));
  const clone = { name: 'clone', version: '1.0.0', dependencies };
  const packages: Record<string, unknown> = { '': clone };
  for (const name of names) {
    const manifest = { name, version: '1.0.0' };
    await mkdir(join(root, name), { recursive: true });
    await writeFile(join(root, name, 'package.json'), JSON.stringify(manifest));
    packages[name] = { version: '1.0.0' };
    packages[`node_modules/${name}`] = { resolved: name, link: true };
  }
  await writeFile(join(root, 'package.json'), JSON.stringify(clone));
  const lockFile = { ...clone, lockfileVersion: 3, requires: true, packages };
  await writeFile(join(root, 'package-lock.json'), JSON.stringify(lockFile));
}

const installed = (name: string): Promise<string> =>
  readFile(join(root, 'node_modules', name, 'package.json'), 'utf8');

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nightshift-packages-'));
  await lockFileWith('one');
});
after(() => rm(root, { recursive: true }));

test('two at once: one installs, the other waits for it', async () => {
  await Promise.all([installPackages(root, log), installPackages(root, log)]);
  await installed('one');
  assert.equal(said.filter((line) => line.startsWith('npm packages: installing')).length, 1);
});

test('what npm has recorded as there is not installed again', async () => {
  await writeFile(join(root, 'node_modules', 'mark'), 'x');
  await installPackages(root, log);
  await readFile(join(root, 'node_modules', 'mark'));
});

test('nothing is replaced below servers and workers that run', async () => {
  await lockFileWith('one', 'two');
  const unlock = await lockStack(join(root, '.nightshift'));
  await assert.rejects(
    installPackages(root, log),
    new RegExp(`run under process ${process.pid} .*: stop them first`),
  );
  await readFile(join(root, 'node_modules', 'mark'));
  unlock();
  await installPackages(root, log);
  await installed('two');
});

test('the command is executable, or `npx` would make it so and the clone dirty', async () => {
  const { mode } = await stat(new URL('../../nightshift.mjs', import.meta.url));
  assert.equal(mode & 0o111, 0o111);
});
