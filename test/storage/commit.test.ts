/** The commit protocol on a real S3 server: one winner, whole or not at all, and no damage goes unseen. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { storedFileSchema } from '../../contract/manifests.ts';
import { commitManifest, readManifest, verifyFiles, writeData } from '../../storage/commit.ts';
import { sha256Hex } from '../../storage/hash.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { DamagedObject } from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';

const schema = z.strictObject({
  attempt: z.string(),
  generation: z.int(),
  files: z.array(storedFileSchema),
  note: z.string(),
});
type Note = z.infer<typeof schema>;

let s3: TestS3;
let store: ObjectStore;
before(async () => {
  s3 = await startTestS3();
  store = await s3.openStore();
});
after(() => s3.stop());

/** Where one test commits: a key, and what one attempt at it would commit. */
const freshKey = (): string => `stage-${randomUUID()}/manifest.json`;

async function prepare(into: ObjectStore, key: string, note: string): Promise<Note> {
  const attempt = randomUUID();
  const prefix = key.replace('manifest.json', `${attempt}/`);
  const files = await writeData(into, prefix, [
    { name: 'a.bin', bytes: Buffer.from(`data of ${note}, all of it`) },
    { name: 'b.bin', bytes: Buffer.from('the same by every attempt') },
  ]);
  return { attempt, generation: 0, files, note };
}

async function flipOnDisk(key: string): Promise<void> {
  await using file = await open(join(s3.directory, store.bucket, key), 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, 5);
  byte[0]! ^= 1;
  await file.write(byte, 0, 1, 5);
}

test('a manifest that could not be read back is not written', async () => {
  const key = freshKey();
  const manifest = { ...(await prepare(store, key, 'one')), generation: 0.5 };
  await assert.rejects(commitManifest(store, key, schema, manifest), {
    message: new RegExp(`${key}: not written, for it does not fit its schema: generation: `),
  });
  assert.equal(await store.head(key), undefined);
});

test('a winner that does not suffice is replaced by the next generation', async () => {
  const key = freshKey();
  await commitManifest(store, key, schema, await prepare(store, key, 'pruned'));
  const whole = await prepare(store, key, 'whole');
  const suffices = ({ note }: Note): boolean => note !== 'pruned';
  const { outcome, manifest } = await commitManifest(store, key, schema, whole, { suffices });
  assert.equal(outcome, 'replaced');
  assert.deepEqual(manifest, { ...whole, generation: 1 });
  assert.deepEqual(await readManifest(store, key, schema), manifest);
});

test('writeData stores bytes and files alike, and says name, key, size and SHA-256', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-commit-'));
  const path = join(folder, 'local');
  await writeFile(path, 'from a file');
  const progress: number[] = [];
  const files = await writeData(
    store,
    'written/attempt/',
    [
      { name: 'one', bytes: Buffer.from('from memory') },
      { name: 'two', path },
    ],
    { onProgress: (bytes) => progress.push(bytes) },
  );
  assert.deepEqual(files, [
    {
      name: 'one',
      key: 'written/attempt/one',
      size: 11,
      sha256: sha256Hex('from memory'),
    },
    { name: 'two', key: 'written/attempt/two', size: 11, sha256: sha256Hex('from a file') },
  ]);
  assert.equal(progress.at(-1), 22);
  await verifyFiles(store, 'none', files, 'hashes');
  await rm(folder, { recursive: true });
});

test('the first commit is read back as it was written', async () => {
  const key = freshKey();
  assert.equal(await readManifest(store, key, schema), undefined);
  const manifest = await prepare(store, key, 'first');
  const committed = await commitManifest(store, key, schema, manifest);
  assert.deepEqual(committed, { manifest, outcome: 'committed' });
  assert.deepEqual(await readManifest(store, key, schema, { deep: true }), manifest);
});

test('a winner that verifies is adopted', async () => {
  const key = freshKey();
  const winner = await prepare(store, key, 'winner');
  await commitManifest(store, key, schema, winner);
  const late = await commitManifest(store, key, schema, await prepare(store, key, 'late'));
  assert.deepEqual(late, { manifest: winner, outcome: 'adopted' });
});

const damages: readonly (readonly [string, RegExp, (key: string, there: Note) => Promise<void>])[] =
  [
    ['a byte of its data flipped on disk', /./, (_, { files }) => flipOnDisk(files[1]!.key)],
    ['a byte of the manifest flipped on disk', /./, (key) => flipOnDisk(key)],
    [
      'a byte of its data overwritten',
      /expected SHA-256 .*, got/,
      async (_, { files }) => {
        const { bytes } = await store.get(files[0]!.key);
        bytes[3]! ^= 1;
        await store.put(files[0]!.key, bytes);
      },
    ],
    [
      'its data cut short',
      /expected \d+ bytes, got 4/,
      async (_, { files }) => void (await store.put(files[0]!.key, Buffer.from('data'))),
    ],
    ['its data gone', /is missing/, (_, { files }) => store.delete([files[1]!.key])],
    [
      'the manifest cut short',
      /is not JSON/,
      async (key) => {
        const { bytes } = await store.get(key);
        await store.put(key, bytes.subarray(0, bytes.length / 2));
      },
    ],
    [
      'a manifest of another schema',
      /does not fit its schema: .*note/,
      async (key, there) => {
        await store.delete([key]);
        await commitManifest(store, key, schema.omit({ note: true }).loose(), {
          attempt: there.attempt,
          generation: 0,
          files: there.files,
        });
      },
    ],
  ];

for (const [name, problem, damage] of damages) {
  test(`a winner with ${name} is reported by readers and replaced by writers`, async () => {
    const key = freshKey();
    const winner = await prepare(store, key, 'winner');
    await commitManifest(store, key, schema, winner);
    await damage(key, winner);
    await assert.rejects(readManifest(store, key, schema, { deep: true }), (error) => {
      assert.ok(error instanceof DamagedObject);
      assert.ok(error.key === key || error.manifestKey === key);
      assert.match(error.message, problem);
      return true;
    });

    const mine = await prepare(store, key, 'mended');
    const { manifest, outcome } = await commitManifest(store, key, schema, mine);
    assert.equal(outcome, 'replaced');
    assert.deepEqual(manifest, { ...mine, generation: 1 });
    assert.deepEqual(await readManifest(store, key, schema, { deep: true }), manifest);
  });
}

test('each replacement is one generation on', async () => {
  const key = freshKey();
  let { manifest } = await commitManifest(store, key, schema, await prepare(store, key, '0'));
  for (const generation of [1, 2]) {
    await store.delete([manifest.files[0]!.key]);
    const next = await prepare(store, key, String(generation));
    ({ manifest } = await commitManifest(store, key, schema, next));
    assert.equal(manifest.generation, generation);
  }
});

test('a shallow read sees a missing or shorter file, and leaves the bytes to who fetches them', async () => {
  const key = freshKey();
  const manifest = await prepare(store, key, 'shallow');
  await commitManifest(store, key, schema, manifest);
  const file = manifest.files[0]!;
  await store.put(file.key, Buffer.alloc(file.size));
  assert.deepEqual(await readManifest(store, key, schema), manifest);
  await store.put(file.key, Buffer.alloc(file.size - 1));
  await assert.rejects(readManifest(store, key, schema), DamagedObject);
});

test('of 16 committers one wins and the others adopt it', async () => {
  const key = freshKey();
  const manifests = await Promise.all(
    Array.from({ length: 16 }, (_, n) => prepare(store, key, `writer ${n}`)),
  );
  const results = await Promise.all(
    manifests.map((manifest) => commitManifest(store, key, schema, manifest)),
  );
  const winner = results.find(({ outcome }) => outcome === 'committed')!;
  assert.equal(results.filter(({ outcome }) => outcome === 'adopted').length, 15);
  for (const { manifest } of results) assert.deepEqual(manifest, winner.manifest);
  assert.deepEqual(await readManifest(store, key, schema), winner.manifest);
});

test('of 8 committers over a damaged winner one replaces it and the others adopt that', async () => {
  const key = freshKey();
  const damaged = await prepare(store, key, 'damaged');
  await commitManifest(store, key, schema, damaged);
  await store.delete([damaged.files[0]!.key]);
  const manifests = await Promise.all(
    Array.from({ length: 8 }, (_, n) => prepare(store, key, `writer ${n}`)),
  );
  const results = await Promise.all(
    manifests.map((manifest) => commitManifest(store, key, schema, manifest)),
  );
  const outcomes = results.map(({ outcome }) => outcome).toSorted();
  assert.deepEqual(outcomes, [...Array<string>(7).fill('adopted'), 'replaced']);
  for (const { manifest } of results) assert.deepEqual(manifest, results[0]!.manifest);
});

test('a commit whose reply is lost is known as committed', async (t) => {
  const proxy = await startFaultProxy(s3.address);
  t.after(() => proxy.stop());
  const shaky = await s3.openStore({ bucket: store.bucket, endpoint: proxy.address });
  const key = freshKey();
  const manifest = await prepare(store, key, 'unheard');
  proxy.inject({ kind: 'lost-reply' }, { method: 'PUT' });
  const committed = await commitManifest(shaky, key, schema, manifest);
  assert.deepEqual(committed, { manifest, outcome: 'committed' });
});

test('whichever bit of a manifest is flipped, it is not read', async () => {
  const memory = openMemoryStore();
  const key = freshKey();
  await commitManifest(memory, key, schema, await prepare(memory, key, 'sealed'));
  const { bytes } = await memory.get(key);
  for (let offset = 0; offset < bytes.length; offset += 1) {
    const flipped = new Uint8Array(bytes);
    flipped[offset]! ^= 1 << (offset % 8);
    await memory.put(key, flipped);
    await assert.rejects(readManifest(memory, key, schema), DamagedObject, `byte ${offset}`);
  }
});
