/** A store whose objects are older than they are. */
import type { ListedObject, ObjectStore } from '../../storage/store.ts';
import { overlayStore } from './overlay-store.ts';

const weekMs = 7 * 24 * 3_600_000;

/** Lists these as if they had been written so many weeks before; `onListed` comes after each listing. */
export function withAged(
  store: ObjectStore,
  aged: (object: ListedObject) => boolean,
  onListed = async (): Promise<void> => {},
  weeks = 1,
): ObjectStore {
  return overlayStore(store, {
    async *list(prefix, options) {
      for await (const object of store.list(prefix, options)) {
        const lastModified = new Date(object.lastModified.getTime() - weeks * weekMs);
        yield aged(object) ? { ...object, lastModified } : object;
      }
      await onListed();
    },
  });
}
