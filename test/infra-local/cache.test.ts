import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cached, checkNeeds } from '../../infra/local/cache.mjs';
import { kill, nextMessage } from './waiting.ts';

let root: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nightshift-cache-'));
  process.env['NIGHTSHIFT_CACHE'] = root;
});
after(() => rm(root, { recursive: true }));

const quiet = (): undefined => undefined;
const recipe = (name: string, key: unknown, make: (directory: string) => Promise<void>) => ({
  name,
  key,
  file: import.meta.filename,
  make,
});

test('an entry is made once, and found again', async () => {
  let made = 0;
  const one = recipe('once', 1, async (directory) => {
    made += 1;
    await writeFile(join(directory, 'tool'), 'x');
  });
  const entry = await cached(one, quiet);
  assert.equal(await cached(one, quiet), entry);
  assert.equal(made, 1);
  assert.equal(await readFile(join(entry, 'tool'), 'utf8'), 'x');
});

test('another version is another entry', async () => {
  const make = async (): Promise<void> => undefined;
  const [a, b] = [recipe('versions', 1, make), recipe('versions', 2, make)];
  assert.notEqual(await cached(a, quiet), await cached(b, quiet));
});

test('a recipe that fails leaves nothing, and is tried anew', async () => {
  let tries = 0;
  const failing = recipe('failing', 1, async (directory) => {
    await writeFile(join(directory, 'half'), 'x');
    if (++tries === 1) throw new Error('no compiler');
  });
  await assert.rejects(cached(failing, quiet), /^Error: failing: no compiler$/);
  assert.deepEqual(
    (await readdir(root)).filter((name) => name.startsWith('failing')),
    [],
  );
  await cached(failing, quiet);
  assert.equal(tries, 2);
});

test('what the machine lacks is asked only where there is something to make', async () => {
  const check = (): void => {
    throw new Error('no compiler');
  };
  const one = { ...recipe('needs', 1, async () => undefined), check };
  await assert.rejects(checkNeeds(one), /^Error: no compiler$/);
  await cached(one, quiet);
  await checkNeeds(one);
});

test('two at once: one makes it, the other waits for it', async () => {
  let made = 0;
  const slow = recipe('slow', 1, async () => {
    made += 1;
    await new Promise((done) => setTimeout(done, 300));
  });
  const said: string[] = [];
  const entries = await Promise.all([
    cached(slow, (line) => said.push(line)),
    cached(slow, (line) => said.push(line)),
  ]);
  assert.equal(entries[0], entries[1]);
  assert.equal(made, 1);
  assert.ok(said.some((line) => line.startsWith(`slow: process ${process.pid} on `)));
});

/** Starts making the entry in another process, and kills that half-way. */
async function killHalfWay(name: string): Promise<void> {
  const script = join(root, `${name}.mjs`);
  const cacheModule = new URL('../../infra/local/cache.mjs', import.meta.url);
  await writeFile(
    script,
    `import { writeFileSync } from 'node:fs';
     import { cached } from ${JSON.stringify(cacheModule.href)};
     await cached({ name: '${name}', key: 1, file: ${JSON.stringify(import.meta.filename)}, async make(directory) {
       writeFileSync(directory + '/half', 'x');
       process.send('making');
       await new Promise((done) => setTimeout(done, 60_000));
     } }, () => undefined);`,
  );
  const child = fork(script, { execArgv: [] });
  await nextMessage(child);
  await kill(child);
}

test('what a killed process left half made is swept, and its lock given up', async () => {
  await killHalfWay('killed');
  const entry = await cached(
    recipe('killed', 1, (directory) => writeFile(join(directory, 'whole'), 'x')),
    quiet,
  );
  assert.deepEqual(await readdir(entry), ['whole']);
  const left = (await readdir(root)).filter((name) => name.startsWith('killed-'));
  assert.deepEqual(left, [basename(entry)]);
});

test("a killed process's orphan does not write into what is made after it", async () => {
  const one = recipe('orphan', 1, (directory) => writeFile(join(directory, 'whole'), 'x'));
  await killHalfWay('orphan');
  const [orphans] = (await readdir(root)).filter((name) => /^orphan-.*\.part$/.test(name));
  let used: string | undefined;
  await cached({ ...one, make: async (directory) => void (used = directory) }, quiet);
  assert.notEqual(used, join(root, orphans!));
});
