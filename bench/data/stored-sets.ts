/** A real S3 server on this machine, and sets of made images in it as shards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planShards } from '../../contract/plan.ts';
import { writeShardFile } from '../../data/shard-writer.ts';
import type { ShardSample } from '../../data/tfrecord.ts';
import { startS3 } from '../../infra/local/servers.ts';
import { setUp } from '../../infra/local/setup.mjs';
import type { StoredShard } from '../../model/trainer-messages.ts';
import { openS3Store } from '../../storage/s3.ts';
import type { ObjectStore } from '../../storage/store.ts';

export interface MadeSet {
  /** Height and width in pixels. */
  readonly size: number;
  readonly images: number;
  readonly shardBytes: number;
}

export interface BenchStore {
  readonly store: ObjectStore;
  /** What clients of other languages find it by. */
  readonly environment: Readonly<Record<string, string>>;
  /** A folder that goes with it. */
  readonly folder: string;
  stop(): Promise<void>;
}

export async function openBenchStore(): Promise<BenchStore> {
  const root = await mkdtemp(join(tmpdir(), 'nightshift-bench-data-'));
  const { versitygw: binary } = await setUp();
  const [accessKeyId, secretAccessKey] = ['bench', 'bench-secret'];
  const server = await startS3({
    binary,
    directory: join(root, 's3'),
    accessKey: accessKeyId,
    secretKey: secretAccessKey,
  });
  const endpoint = `http://${server.address}`;
  const credentials = { accessKeyId, secretAccessKey };
  const store = await openS3Store({ bucket: 'bench', endpoint, credentials, createBucket: true });
  return {
    store,
    environment: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
    },
    folder: root,
    async stop() {
      store.close();
      await server.stop();
      await rm(root, { recursive: true });
    },
  };
}

/** As a run would store them, under `tfrecord/`. */
export async function writeShards(
  { store, folder }: BenchStore,
  { size, images, shardBytes }: MadeSet,
): Promise<StoredShard[]> {
  const path = join(folder, 'shard');
  const pictures = Array.from({ length: 251 }, (_, number) =>
    Uint8Array.from({ length: size * size * 3 }, (__, at) => ((at + number) * 7919) % 251),
  );
  const shards: StoredShard[] = [];
  for (const { index, first, count } of planShards(images, size * size * 3, shardBytes)) {
    const samples = Array.from({ length: count }, (_, record): ShardSample => {
      const number = first + record;
      const image = pictures[number % pictures.length]!;
      return { id: `made/${number}`, label: number % 1000, image, height: size, width: size };
    });
    await writeShardFile(path, samples, 1000);
    const name = `${String(index).padStart(5, '0')}.tfrecord`;
    const key = `tfrecord/${name}`;
    shards.push({ name, key, samples: count, ...(await store.putFile(key, path)) });
  }
  await rm(path);
  return shards;
}
