/** The store's own clock, which the ages of its objects are by: this machine's may be set wrong. */
import { randomUUID } from 'node:crypto';
import type { CallOptions, ObjectStore } from './store.ts';

/** In epoch milliseconds, as exact as the store tells its objects' times. */
export async function timeOf(store: ObjectStore, options: CallOptions = {}): Promise<number> {
  const key = `checks/${randomUUID()}`;
  await store.put(key, new Uint8Array(), options);
  const head = await store.head(key, options);
  await store.delete([key], options);
  return head!.lastModified.getTime();
}
