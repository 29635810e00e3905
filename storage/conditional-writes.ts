/** Whether a store holds what every commit stands on: of two conditional writers, one wins. */
import { randomUUID } from 'node:crypto';
import { PreconditionFailed, StorageAccessError } from './store.ts';
import type { ObjectStore } from './store.ts';

/**
 * Lets two writers race, with each condition, and cleans up. Some servers take the conditions and
 * ignore them: throws `StorageAccess` for such a store.
 */
export async function checkConditionalWrites(store: ObjectStore): Promise<void> {
  const key = `checks/${randomUUID()}`;
  try {
    await expectOneWinner(store, key, { ifNoneMatch: '*' });
    const { etag } = (await store.head(key))!;
    await expectOneWinner(store, key, { ifMatch: etag });
  } finally {
    await store.delete([key]);
  }
}

async function expectOneWinner(
  store: ObjectStore,
  key: string,
  condition: { ifNoneMatch: '*' } | { ifMatch: string },
): Promise<void> {
  const won = await Promise.all(
    [1, 2].map(() =>
      // Fresh bytes each time: where the ETag is a hash, the same bytes again would keep it.
      store.put(key, Buffer.from(randomUUID()), condition).then(
        () => true,
        (error: unknown) => {
          if (error instanceof PreconditionFailed) return false;
          throw error;
        },
      ),
    ),
  );
  const winners = won.filter(Boolean).length;
  if (winners === 1) return;
  throw new StorageAccessError(
    { bucket: store.bucket, key },
    `${winners} of 2 writers with ${Object.keys(condition)[0]} won, expected 1: ` +
      'this server has no conditional writes to rely on; use AWS S3 or another server that has',
  );
}
