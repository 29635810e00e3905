/** The bytes of a source, as a verified local file for as long as they are read. */
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NightshiftError } from '../contract/failures.ts';
import { digestOf } from '../data/digest.ts';
import { downloadSource } from '../storage/sources.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';

export interface Source {
  /** What the configuration says: a name, or the address itself. */
  readonly value: string;
  readonly address: string;
  readonly sha256?: string | undefined;
  /** As npm writes it. */
  readonly integrity?: string | undefined;
}

/** Values that are taken in now, by any run of this process. */
const underWay = new Set<string>();

/**
 * Takes in one value at a time: two runs would write the same file, and the later one finds what
 * the first has stored.
 */
export async function inTurn<T>(value: string, step: Step, work: () => Promise<T>): Promise<T> {
  while (underWay.has(value)) await sleep(100, undefined, { signal: step.signal });
  underWay.add(value);
  try {
    return await work();
  } finally {
    underWay.delete(value);
  }
}

/** A partial download of an earlier attempt goes on. Only within `inTurn`. */
export async function withDownload<T>(
  { downloads, openBucket }: DataServices,
  { value, address, sha256, integrity }: Source,
  step: Step,
  read: (file: { readonly path: string; readonly sha256: string }) => Promise<T>,
): Promise<T> {
  const folder = join(downloads, digestOf({ value, address }));
  const path = join(folder, 'source');
  const { sha256: got } = await downloadSource(address, path, {
    openBucket,
    sha256,
    integrity,
    signal: step.signal,
    onProgress: (progress) => step.report({ source: address, ...progress }),
  }).catch(async (error: unknown) => {
    await rmdir(folder).catch(() => undefined); // not empty: a part has come
    throw error;
  });
  try {
    return await blaming(address, () => read({ path, sha256: got }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Says of `InvalidData` where it comes from. */
export async function blaming<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NightshiftError) || error.type !== 'InvalidData') throw error;
    throw new NightshiftError('InvalidData', `${place}: ${error.message}`, { cause: error.cause });
  }
}
