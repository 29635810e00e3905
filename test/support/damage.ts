/** The ways in which a stored object goes bad. */
import type { ObjectStore } from '../../storage/store.ts';

export const damages: Readonly<Record<string, (store: ObjectStore, key: string) => Promise<void>>> =
  {
    async 'a byte flipped'(store, key) {
      const { bytes } = await store.get(key);
      bytes[bytes.length >> 1]! ^= 1;
      await store.put(key, bytes);
    },
    async 'its end cut off'(store, key) {
      const { bytes } = await store.get(key);
      await store.put(key, bytes.subarray(0, -1));
    },
    gone: (store, key) => store.delete([key]),
  };
