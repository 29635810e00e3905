/** What every object store must do: one suite, run over each. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sha256Hex } from '../../storage/hash.ts';
import { DamagedObject, ObjectNotFound, PreconditionFailed } from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const contentOf = async (store: ObjectStore, key: string): Promise<string> =>
  new TextDecoder().decode((await store.get(key)).bytes);

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.toSorted();
}

/** Declares the suite; `open` gives a store over an empty bucket. */
export function conformance(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name} as an object store`, () => {
    let store: ObjectStore;
    let folder: string;
    before(async () => {
      store = await open();
      folder = await mkdtemp(join(tmpdir(), 'nightshift-conformance-'));
    });
    after(async () => {
      store.close();
      await rm(folder, { recursive: true });
    });

    test('an object comes back as it was put, with the ETag of its put', async () => {
      const bytes = randomBytes(100_000);
      const { etag } = await store.put('whole', bytes);
      const got = await store.get('whole');
      assert.deepEqual(Buffer.from(got.bytes), bytes);
      assert.equal(got.etag, etag);
    });

    test('a stored object does not change with the bytes given or got', async () => {
      const bytes = Buffer.from('as it was put');
      await store.put('kept', bytes);
      bytes.fill(0);
      (await store.get('kept')).bytes.fill(0);
      assert.equal(await contentOf(store, 'kept'), 'as it was put');
    });

    test('an empty object is an object', async () => {
      await store.put('empty', new Uint8Array());
      assert.equal((await store.get('empty')).bytes.length, 0);
      assert.equal((await store.head('empty'))?.size, 0);
    });

    test('head tells size, ETag and time; undefined for a key that holds nothing', async () => {
      const { etag } = await store.put('headed', text('12345'));
      const head = await store.head('headed');
      assert.equal(head?.size, 5);
      assert.equal(head.etag, etag);
      assert.ok(Math.abs(head.lastModified.getTime() - Date.now()) < 60_000);
      assert.equal(await store.head('nothing'), undefined);
    });

    test('reading a key that holds nothing is ObjectNotFound, and names it', async () => {
      const place = { bucket: store.bucket, key: 'nothing' };
      const path = join(folder, 'nothing');
      await assert.rejects(store.get('nothing'), { name: 'ObjectNotFound', ...place });
      await assert.rejects(store.getToFile('nothing', path), ObjectNotFound);
      const sha256 = sha256Hex('');
      await assert.rejects(store.getToFile('nothing', path, { sha256 }), ObjectNotFound);
      await assert.rejects(store.getRange('nothing', { offset: 0, length: 1 }), ObjectNotFound);
      await assert.rejects(store.digest('nothing'), ObjectNotFound);
      assert.deepEqual(await readdir(folder), []);
    });

    test('a range is those bytes, and ends at the object end', async () => {
      await store.put('ranged', text('0123456789'));
      const range = async (offset: number, length: number) =>
        new TextDecoder().decode(await store.getRange('ranged', { offset, length }));
      assert.equal(await range(2, 3), '234');
      assert.equal(await range(8, 100), '89');
    });

    test('a key may hold spaces, percent signs and letters beyond ASCII', async () => {
      const key = 'odd/a b%20c+d/é/日本.json';
      await store.put(key, text('odd'));
      assert.equal(await contentOf(store, key), 'odd');
      assert.deepEqual(await keysOf(store, 'odd/'), [key]);
      await store.delete([key]);
      assert.equal(await store.head(key), undefined);
    });

    test('If-None-Match writes only where nothing is', async () => {
      await store.put('once', text('first'), { ifNoneMatch: '*' });
      await assert.rejects(store.put('once', text('second'), { ifNoneMatch: '*' }), {
        name: 'PreconditionFailed',
        key: 'once',
      });
      assert.equal(await contentOf(store, 'once'), 'first');
    });

    test('If-Match writes only over the object of that ETag', async () => {
      const first = await store.put('swapped', text('1'));
      const second = await store.put('swapped', text('2'), { ifMatch: first.etag });
      const late = store.put('swapped', text('3'), { ifMatch: first.etag });
      await assert.rejects(late, PreconditionFailed);
      assert.equal(await contentOf(store, 'swapped'), '2');
      await store.put('swapped', text('4'), { ifMatch: second.etag });
      assert.equal(await contentOf(store, 'swapped'), '4');
    });

    test('If-Match over nothing is PreconditionFailed', async () => {
      const { etag } = await store.put('template', text('1'));
      await assert.rejects(store.put('absent', text('2'), { ifMatch: etag }), PreconditionFailed);
    });

    test('of 16 writers with If-None-Match exactly one wins, and its bytes are there', async () => {
      for (let round = 0; round < 5; round += 1) {
        const key = `race/${round}`;
        const outcomes = await Promise.allSettled(
          Array.from({ length: 16 }, (_, writer) =>
            store.put(key, text(`writer ${writer}`), { ifNoneMatch: '*' }),
          ),
        );
        const winners = outcomes.flatMap(({ status }, writer) =>
          status === 'fulfilled' ? [writer] : [],
        );
        assert.equal(winners.length, 1);
        assert.equal(await contentOf(store, key), `writer ${winners[0]}`);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected')
            assert.ok(outcome.reason instanceof PreconditionFailed);
        }
      }
    });

    test('a counter raised by If-Match by 8 writers at once loses no update', async () => {
      await store.put('counter', text('0'));
      const raise = async (): Promise<void> => {
        const { bytes, etag } = await store.get('counter');
        const next = text(String(Number(new TextDecoder().decode(bytes)) + 1));
        await store.put('counter', next, { ifMatch: etag }).catch((error: unknown) => {
          if (error instanceof PreconditionFailed) return raise();
          throw error;
        });
      };
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let times = 0; times < 5; times += 1) await raise();
        }),
      );
      assert.equal(await contentOf(store, 'counter'), '40');
    });

    for (const [size, how] of [
      [1_000_000, 'in one piece'],
      [20_000_000, 'in parts'],
    ] as const) {
      test(`a file of ${size} bytes goes up ${how} and comes back, hashed both ways`, async () => {
        const bytes = randomBytes(size);
        const from = join(folder, 'from');
        const to = join(folder, 'to');
        await writeFile(from, bytes);
        const expected = { size, sha256: sha256Hex(bytes) };
        const sent: number[] = [];
        const { etag, ...stored } = await store.putFile('file', from, {
          onProgress: (count) => sent.push(count),
        });
        assert.deepEqual(stored, expected);
        assert.equal((await store.head('file'))?.etag, etag);
        assert.equal(sent.at(-1), size);

        for (const sha256 of [undefined, expected.sha256]) {
          const received: number[] = [];
          const onProgress = (count: number) => received.push(count);
          assert.deepEqual(await store.getToFile('file', to, { onProgress, sha256 }), expected);
          assert.equal(received.at(-1), size);
          assert.ok((await readFile(to)).equals(bytes));
        }
        assert.deepEqual(await store.digest('file'), expected);
        assert.deepEqual((await readdir(folder)).toSorted(), ['from', 'to']);
        await rm(from);
        await rm(to);
      });
    }

    test('a file that is not what it must come to is DamagedObject, and leaves nothing', async () => {
      await store.put('other', Buffer.from('other bytes'));
      const sha256 = sha256Hex('the bytes');
      await assert.rejects(
        store.getToFile('other', join(folder, 'other'), { sha256 }),
        (error) => error instanceof DamagedObject && error.message.includes(sha256),
      );
      assert.deepEqual(await readdir(folder), []);
    });

    test('list gives every key under the prefix, with size and ETag, over many pages', async () => {
      const keys = Array.from({ length: 1100 }, (_, n) => `many/${String(n).padStart(4, '0')}`);
      for (let first = 0; first < keys.length; first += 50) {
        await Promise.all(keys.slice(first, first + 50).map((key) => store.put(key, text(key))));
      }
      await store.put('many-others', text('not under the prefix'));
      assert.deepEqual(await keysOf(store, 'many/'), keys);
      for await (const listed of store.list('many/0007')) {
        assert.equal(listed.size, 9);
        assert.equal(listed.etag, (await store.head(listed.key))?.etag);
      }
      await store.delete(keys);
      assert.deepEqual(await keysOf(store, 'many/'), []);
    });

    test('deleting what is not there is no error', async () => {
      await store.put('doomed', text('x'));
      await store.delete(['doomed', 'never-was']);
      await store.delete([]);
      assert.equal(await store.head('doomed'), undefined);
    });

    test('an aborted signal ends a call with its reason', async () => {
      const reason = new Error('the worker is told to stop');
      const signal = AbortSignal.abort(reason);
      await store.put('there', text('x'));
      await assert.rejects(store.get('there', { signal }), reason);
      await assert.rejects(store.put('never', text('x'), { signal }), reason);
      assert.equal(await store.head('never'), undefined);
    });
  });
}
