/** Champions and their history, in memory and on a real S3 server: of rivals one wins, and a kill loses nothing. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { championHistoryKey, championKey } from '../../contract/keys.ts';
import type { HistoryEntry } from '../../contract/models.ts';
import { historyOf, modelNames, moveChampion, readChampion } from '../../model/champions.ts';
import type { ChampionMove } from '../../model/champions.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { damages } from '../support/damage.ts';
import { metrics } from '../support/finished-run.ts';
import { overlayStore } from '../support/overlay-store.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';

let s3: TestS3;
before(async () => void (s3 = await startTestS3()));
after(() => s3.stop());

/** Of the model that this digit stands for. */
const moveTo = (digit: string): ChampionMove => ({
  ...{ kind: 'promotion', digest: digit.repeat(64), run: `run-${digit}`, workflowId: 'nightly' },
  ...{ metrics, gate: null, by: 'ada', why: 'it is better' },
});

const promote = (store: ObjectStore, digit: string) =>
  moveChampion(store, 'nightly', `request-${digit}`, async () => moveTo(digit));

async function history(store: ObjectStore): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  for await (const entry of historyOf(store, 'nightly')) entries.push(entry);
  return entries;
}

const stores: Record<string, () => ObjectStore | Promise<ObjectStore>> = {
  'in memory': () => openMemoryStore(),
  'on an S3 server': () => s3.openStore(),
};

for (const [where, open] of Object.entries(stores)) {
  describe(where, () => {
    let store: ObjectStore;
    beforeEach(async () => void (store = await open()));

    test('each new champion has its entry in the history, with what it replaced', async () => {
      assert.equal(await readChampion(store, 'nightly'), undefined);
      await promote(store, '1');
      const { champion, moved } = await promote(store, '2');
      assert.equal(moved, true);
      assert.equal(champion?.generation, 2);
      assert.deepEqual(await readChampion(store, 'nightly'), champion);
      assert.deepEqual(
        (await history(store)).map(({ generation, digest, replaced, by }) => [
          ...[generation, digest[0], replaced?.[0], by],
        ]),
        [
          [2, '2', '1', 'ada'],
          [1, '1', undefined, 'ada'],
        ],
      );
      assert.deepEqual(await modelNames(store), ['nightly']);
    });

    test('of rivals that would follow the same champion one wins, and the others are asked again', async () => {
      const rivals = '123456'.split('');
      const seen: (number | undefined)[] = [];
      const moves = await Promise.all(
        rivals.map((digit) =>
          moveChampion(store, 'nightly', digit, async (champion) => {
            seen.push(champion?.generation);
            return champion ? undefined : moveTo(digit);
          }),
        ),
      );
      assert.equal(moves.filter(({ moved }) => moved).length, 1);
      assert.equal((await history(store)).length, 1);
      const winner = await readChampion(store, 'nightly');
      for (const { champion } of moves) assert.deepEqual(champion, winner);
      assert.equal(seen.filter((generation) => generation === 1).length, rivals.length - 1);
    });

    test('no promotion is lost when many come at once', async () => {
      await Promise.all('12345'.split('').map((digit) => promote(store, digit)));
      const entries = await history(store);
      assert.deepEqual(
        entries.map(({ generation }) => generation),
        [5, 4, 3, 2, 1],
      );
      for (const [index, { replaced }] of entries.entries()) {
        assert.equal(replaced, entries[index + 1]?.digest ?? null);
      }
      assert.equal((await readChampion(store, 'nightly'))?.digest, entries[0]!.digest);
    });
  });
}

test('a request that comes again has been carried out, also where others have followed', async () => {
  const store = openMemoryStore();
  const first = await promote(store, '1');
  await promote(store, '2');
  assert.deepEqual(await promote(store, '1'), first);
  assert.equal((await readChampion(store, 'nightly'))?.generation, 2);
});

test('whoever was killed between history and pointer has moved it all the same', async () => {
  const store = openMemoryStore();
  await promote(store, '1');
  const killed = overlayStore(store, {
    put: (key, ...rest) =>
      key === championKey('nightly')
        ? Promise.reject(new Error('killed'))
        : store.put(key, ...rest),
  });
  await assert.rejects(promote(killed, '2'), /killed/);
  assert.equal((await readChampion(store, 'nightly'))?.generation, 1, 'readers see whole states');
  const { champion } = await promote(store, '3');
  assert.equal(champion?.generation, 3);
  assert.deepEqual(
    (await history(store)).map(({ digest }) => digest[0]),
    ['3', '2', '1'],
  );
});

test('an attempt that follows one whose answer was lost does not move it twice', async () => {
  const store = openMemoryStore();
  await promote(store, '1');
  const { champion, moved } = await promote(store, '1');
  assert.deepEqual([champion?.generation, moved], [1, true]);
});

for (const [damage, hurt] of Object.entries(damages)) {
  test(`of the pointer, ${damage}: the history gives it back`, async () => {
    const store = openMemoryStore();
    await promote(store, '1');
    await promote(store, '2');
    await hurt(store, championKey('nightly'));
    assert.equal((await readChampion(store, 'nightly'))?.generation, 2);
  });
}

test("a damaged entry is passed over, and the champion's own does not undo it", async () => {
  const store = openMemoryStore();
  await promote(store, '1');
  await promote(store, '2');
  await damages['a byte flipped']!(store, championHistoryKey('nightly', 2));
  assert.equal((await readChampion(store, 'nightly'))?.generation, 2);
  const { champion } = await promote(store, '3');
  assert.equal(champion?.generation, 3);
});
