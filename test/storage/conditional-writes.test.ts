/** A store that can't hold a commit is refused at the start. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConditionalWrites } from '../../storage/conditional-writes.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startTestS3 } from '../support/servers.ts';

async function isEmpty(store: ObjectStore): Promise<boolean> {
  for await (const _ of store.list('')) return false;
  return true;
}

test('a server with conditional writes passes, and nothing is left behind', async (t) => {
  const s3 = await startTestS3();
  t.after(() => s3.stop());
  const store = await s3.openStore();
  await checkConditionalWrites(store);
  assert.ok(await isEmpty(store));
});

for (const ignored of ['ifNoneMatch', 'ifMatch'] as const) {
  test(`a server that ignores ${ignored} is refused, and told apart by name`, async () => {
    const memory = openMemoryStore();
    const careless: ObjectStore = {
      ...memory,
      put: (key, bytes, options) => memory.put(key, bytes, { ...options, [ignored]: undefined }),
    };
    await assert.rejects(checkConditionalWrites(careless), {
      name: 'StorageAccess',
      message: new RegExp(`2 of 2 writers with ${ignored} won`),
    });
    assert.ok(await isEmpty(memory));
  });
}
