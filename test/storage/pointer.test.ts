/** Mutable pointers on a real S3 server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { movePointer, readPointer } from '../../storage/pointer.ts';
import { DamagedObject } from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';

const schema = z.strictObject({ step: z.int() });
const leave = () => undefined;

let s3: TestS3;
let store: ObjectStore;
before(async () => {
  s3 = await startTestS3();
  store = await s3.openStore();
});
after(() => s3.stop());

test('a pointer is absent, then what it was moved to', async () => {
  assert.equal(await readPointer(store, 'fresh', schema), undefined);
  assert.deepEqual(await movePointer(store, 'fresh', schema, () => ({ step: 7 })), {
    step: 7,
  });
  assert.deepEqual(await readPointer(store, 'fresh', schema), { step: 7 });
});

test('a decision for nothing leaves the pointer and returns what it holds', async () => {
  assert.equal(await movePointer(store, 'left', schema, leave), undefined);
  await movePointer(store, 'left', schema, () => ({ step: 1 }));
  assert.deepEqual(await movePointer(store, 'left', schema, leave), { step: 1 });
});

test('8 writers at once lose no update', async () => {
  const raise = () =>
    movePointer(store, 'counter', schema, (current) => ({ step: (current?.step ?? 0) + 1 }));
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let times = 0; times < 5; times += 1) await raise();
    }),
  );
  assert.deepEqual(await readPointer(store, 'counter', schema), { step: 40 });
});

test('writers that never move it back end at the highest', async () => {
  await Promise.all(
    [3, 9, 1, 4, 7].map((step) =>
      movePointer(store, 'latest', schema, (current) =>
        current && current.step >= step ? undefined : { step },
      ),
    ),
  );
  assert.deepEqual(await readPointer(store, 'latest', schema), { step: 9 });
});

test('a damaged pointer is reported to readers, and made anew by writers', async () => {
  await store.put('damaged', Buffer.from('{"sha256":"0","content":{"step":3}}\n'));
  await assert.rejects(readPointer(store, 'damaged', schema), DamagedObject);
  const seen: unknown[] = [];
  await movePointer(store, 'damaged', schema, (current) => {
    seen.push(current);
    return { step: 5 };
  });
  assert.deepEqual(seen, [undefined]);
  assert.deepEqual(await readPointer(store, 'damaged', schema), { step: 5 });
});
