/** What activities are given: made once a process, by `workers/services.ts`. */
import type { FileCache } from '../storage/cache.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { TrainMetrics } from './train-metrics.ts';
import type { TrainerHost } from './trainer-host.ts';
import type { Uploads } from './uploads.ts';

export interface DataServices {
  readonly store: ObjectStore;
  /** Another bucket, for `s3:` addresses, with the same endpoint and credentials. */
  readonly openBucket: (bucket: string) => Promise<ObjectStore>;
  /** Verified local copies of stored files, by content. */
  readonly cache: FileCache;
  /** A folder of this process's own for what is under way; nothing in it is missed after a crash. */
  readonly scratch: string;
  /** Another, for downloads: what a process that has ended did not finish is in the next one's. */
  readonly downloads: string;
  /** Of whom a run's end is told, and what that is signed with: secrets that no history may hold. */
  readonly webhook?: { readonly address?: string | undefined; readonly key?: string | undefined };
}

export interface ModelServices extends DataServices {
  readonly trainer: TrainerHost;
  readonly uploads: Uploads;
  readonly metrics: TrainMetrics;
  /** The task queue that only this worker takes from: where its trainer is warm. */
  readonly workerQueue: string;
}
