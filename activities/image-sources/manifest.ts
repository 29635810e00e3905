/** The images that a manifest names, wherever each lies. */
import { readFile, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NightshiftError } from '../../contract/failures.ts';
import { invalid } from '../../data/archive.ts';
import { inOrder } from '../../data/in-order.ts';
import { readManifestRows } from '../../data/manifest-rows.ts';
import type { ManifestFormat } from '../../data/manifest-rows.ts';
import { readHttp } from '../../storage/http-ranges.ts';
import { streamRanges } from '../../storage/ranges.ts';
import type { RangedSource } from '../../storage/ranges.ts';
import { parseAddress, regularFile } from '../../storage/sources.ts';
import { ObjectNotFound } from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import type { Step } from '../durable.ts';
import type { DataServices } from '../services.ts';
import { maxFileBytes, tooLarge } from './source.ts';
import type { Content, ImageSource, SourceFile } from './source.ts';

/** In messages. */
const what = "the dataset's manifest";
/** Hides the way to the servers; each may have 32 MiB. */
const readsAtOnce = 8;

/** By the name's end: the bytes do not tell. */
export function manifestFormat(address: string): ManifestFormat | undefined {
  const match = /\.(csv|jsonl)$/i.exec(address);
  return match ? (match[1]!.toLowerCase() as ManifestFormat) : undefined;
}

/** `identity`: of the manifest. What lies at the addresses is taken not to change while it does not. */
export function manifestImages(
  { openBucket }: DataServices,
  address: string,
  format: ManifestFormat,
  bytes: RangedSource,
  identity: unknown,
  step: Step,
): ImageSource {
  return {
    identity: { manifest: identity },
    totalBytes: undefined,
    async *files([from = 0]) {
      const fetcher = openFetcher(openBucket, step);
      let readBytes = 0;
      const rows = async function* () {
        let number = 0;
        for await (const row of readManifestRows(streamRanges(bytes), format, what)) {
          number += 1;
          if (number > from) yield { ...row, number, place: placeOf(row.address, address) };
        }
      };
      try {
        yield* inOrder(rows(), readsAtOnce, async (row): Promise<SourceFile> => {
          const { label, side, group, number } = row;
          const content = await fetcher.read(row.place);
          readBytes += 'problem' in content ? 0 : content.length;
          const next = [number];
          return {
            name: row.address,
            class: { class: label, side, group },
            content,
            next,
            readBytes,
          };
        });
      } finally {
        await fetcher.close();
      }
    },
  };
}

/** The whole address of what a manifest names. Throws `InvalidData` when it leads from the web to local files. */
function placeOf(named: string, manifest: string): string {
  const place = parseAddress(manifest);
  const isLocal = named.startsWith('/') || /^file:/i.test(named);
  if (isLocal && place.kind !== 'file') {
    throw invalid(
      what,
      `names the local file '${named}', and is none itself: copy it to the worker`,
    );
  }
  if (isLocal || /^[a-z][a-z0-9+.-]+:/i.test(named)) return named;
  switch (place.kind) {
    case 'file':
      return new URL(named.split('/').map(encodeURIComponent).join('/'), pathToFileURL(place.path))
        .href;
    case 's3':
      return `s3://${place.bucket}/${posix.join(posix.dirname(place.key), named)}`;
    case 'http':
    case 'npm':
      return new URL(named, manifest).href;
  }
}

interface Fetcher {
  read(address: string): Promise<Content>;
  close(): Promise<void>;
}

/** Reads whole files; the connections to a bucket serve all of them. */
function openFetcher(openBucket: DataServices['openBucket'], { signal }: Step): Fetcher {
  const buckets = new Map<string, Promise<ObjectStore>>();
  const bucketNamed = (name: string): Promise<ObjectStore> => {
    const bucket = buckets.get(name) ?? openBucket(name);
    buckets.set(name, bucket);
    return bucket;
  };

  async function fetchFile(address: string): Promise<Content> {
    const place = parseAddress(address);
    switch (place.kind) {
      case 'file': {
        await regularFile(address, place.path);
        const { size } = await stat(place.path);
        return size > maxFileBytes ? tooLarge(size) : readFile(place.path);
      }
      case 's3': {
        const { bytes } = await (await bucketNamed(place.bucket)).get(place.key, { signal });
        return bytes;
      }
      case 'http': {
        const bytes = await readHttp(address, maxFileBytes, { signal });
        return bytes ?? { problem: `it has more than ${maxFileBytes} bytes` };
      }
      case 'npm':
        return { problem: `${address}: an npm package is no image` };
    }
  }

  return {
    async read(address) {
      try {
        return await fetchFile(address);
      } catch (error) {
        // What is not there, or refused for good, is set aside; what passes is tried again.
        if (error instanceof ObjectNotFound) return { problem: 'there is no such object' };
        if (!(error instanceof NightshiftError && error.type === 'InvalidData')) throw error;
        return { problem: error.message };
      }
    },
    async close() {
      for (const bucket of buckets.values())
        await bucket.then(
          (store) => store.close(),
          () => undefined,
        );
    },
  };
}
