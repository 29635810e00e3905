/** Sealed JSON that changes: pointers (a run's record, what a source gave), and manifests that are pruned. It moves by If-Match. */
import type { z } from 'zod';
import { getIfThere, racing, writeIf } from './race.ts';
import { unseal } from './sealed-json.ts';
import { DamagedObject } from './store.ts';
import type { CallOptions, ObjectStore } from './store.ts';

/** The content of a pointer; undefined when it is not there. Throws `DamagedObject`. */
export async function readPointer<P>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<P>,
  options: CallOptions = {},
): Promise<P | undefined> {
  const object = await getIfThere(store, key, options);
  return object && unseal(object.bytes, schema, { bucket: store.bucket, key }, object.etag);
}

/**
 * Moves a mutable pointer from what it is to what `decide` makes of it, with no update lost:
 * when another writer was faster, `decide` is asked again. It gets undefined for a pointer that is
 * absent or damaged, and may return undefined to leave it. Returns what the pointer then holds.
 */
export async function movePointer<P>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<P>,
  decide: (current: P | undefined) => P | undefined,
  options: CallOptions = {},
): Promise<P | undefined> {
  const { signal } = options;
  const moved = await racing(store, key, options, async () => {
    const { current, etag } = await currentPointer(store, key, schema, options);
    const next = decide(current);
    if (next === undefined) return { holds: current };
    const condition = etag === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: etag };
    return (await writeIf(store, key, next, { ...condition, signal }))
      ? { holds: next }
      : undefined;
  });
  return moved.holds;
}

async function currentPointer<P>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<P>,
  options: CallOptions,
): Promise<{ current: P | undefined; etag: string | undefined }> {
  let etag: string | undefined;
  try {
    const object = await getIfThere(store, key, options);
    if (!object) return { current: undefined, etag: undefined };
    etag = object.etag;
    return { current: unseal(object.bytes, schema, { bucket: store.bucket, key }, etag), etag };
  } catch (error) {
    if (!(error instanceof DamagedObject)) throw error;
    return { current: undefined, etag: etag ?? error.etag };
  }
}
