/** A store of which a test does some calls itself. */
import type { ObjectStore } from '../../storage/store.ts';

export function overlayStore(store: ObjectStore, own: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const value = own[name] ?? target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
