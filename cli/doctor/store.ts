/** The object store: reached, by an agreeing clock, allowed, and with the conditional writes that commits stand on. */
import { randomUUID } from 'node:crypto';
import { checkConditionalWrites } from '../../storage/conditional-writes.ts';
import { openS3Store } from '../../storage/s3.ts';
import { StorageAccessError } from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import type { Settings } from '../../workers/settings.ts';
import { broken, doubtful, fine, reasonOf } from './finding.ts';
import type { Finding } from './finding.ts';
import type { Target } from './target.ts';

const answerWithinMs = 5_000;
/** Someone waits: a server that fails is looked at twice, not for minutes. */
const limits = { connectMs: answerWithinMs, answerMs: 20_000, attempts: 2 };

type Credentials = NonNullable<Target['servers']>['credentials'];

export async function* storeFindings(
  { bucket, endpoint, region }: Settings,
  credentials: Credentials,
): AsyncGenerator<Finding> {
  const address = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  try {
    yield* await reach(address);
  } catch (error) {
    const why = reasonOf((error as Error).cause ?? error);
    yield broken(
      'store',
      `no answer from ${address.origin} (${why})`,
      'check that it runs, and AWS_ENDPOINT_URL_S3',
    );
    return;
  }
  let store: ObjectStore;
  try {
    store = await openS3Store({ bucket, endpoint, region, credentials, limits });
  } catch (error) {
    yield* openingFindings(error, bucket, endpoint);
    return;
  }
  yield fine('credentials', `the store accepts them for bucket ${bucket}`);
  const key = `checks/doctor-${randomUUID()}`;
  try {
    yield await usageFinding(store, key);
    yield await conditionsFinding(store);
  } finally {
    await store.delete([key]).catch(() => undefined);
    store.close();
  }
}

/** Any answer will do, a refusal too: it has the time. */
async function reach(address: URL): Promise<Finding[]> {
  const sentAt = Date.now();
  const { headers } = await fetch(address.origin, {
    ...{ method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(answerWithinMs) },
  });
  const date = headers.get('date');
  return [
    fine('store', `answers at ${address.origin}`),
    clockFinding(date === null ? undefined : Date.parse(date), sentAt, Date.now()),
  ];
}

/** As S3 does, before it refuses what is signed. */
const mostSkewMs = 15 * 60_000;

/** A server's time is that of a whole second, some time between question and answer. */
export function clockFinding(
  serverAt: number | undefined,
  sentAt: number,
  answeredAt: number,
): Finding {
  const check = 'clock';
  if (serverAt === undefined) {
    return doubtful(check, 'the store tells no time', 'compare the clocks by hand');
  }
  const skewMs = Math.max(0, sentAt - (serverAt + 1_000), serverAt - answeredAt);
  const side = serverAt > answeredAt ? 'behind' : 'before';
  const seconds = Math.ceil(skewMs / 1000);
  if (seconds <= 5) return fine(check, "agrees with the store's");
  const found = `${seconds} s ${side} the store's`;
  const remedy = 'set the clock by NTP';
  return skewMs < mostSkewMs
    ? doubtful(check, `${found}: ages and times shown are wrong`, remedy)
    : broken(check, `${found}: S3 refuses what is signed so`, remedy);
}

function* openingFindings(
  error: unknown,
  bucket: string,
  endpoint: string | undefined,
): Generator<Finding> {
  if (!(error instanceof StorageAccessError)) {
    yield broken('bucket', reasonOf(error), 'try again once the store is well');
    return;
  }
  if ((error.cause as Error).name !== 'NotFound') {
    yield broken(
      'credentials',
      reasonOf(error),
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE) or a role that may use the bucket',
    );
    return;
  }
  yield fine('credentials', 'the store accepts them');
  const found = `there is no bucket ${bucket}`;
  yield endpoint === undefined
    ? broken('bucket', found, 'create it, or set NIGHTSHIFT_BUCKET to one that there is')
    : doubtful('bucket', `${found} yet`, 'the first worker makes it; see NIGHTSHIFT_BUCKET');
}

/** What runs do to a bucket, each with the permission for it. */
async function usageFinding(store: ObjectStore, key: string): Promise<Finding> {
  const bytes = Buffer.from('nightshift doctor');
  const uses: readonly (readonly [string, string, () => Promise<unknown>])[] = [
    ['written', 's3:PutObject', () => store.put(key, bytes)],
    ['read', 's3:GetObject', () => readBack(store, key, bytes)],
    ['listed', 's3:ListBucket', () => store.list(key)[Symbol.asyncIterator]().next()],
    ['deleted', 's3:DeleteObject', () => store.delete([key])],
    ['swept', 's3:ListBucketMultipartUploads', () => store.abortUploadsBefore(new Date(0))],
  ];
  for (const [use, permission, tryIt] of uses) {
    try {
      await tryIt();
    } catch (error) {
      return broken('bucket', `can't be ${use}: ${reasonOf(error)}`, `allow ${permission} there`);
    }
  }
  return fine('bucket', `${uses.map(([use]) => use).join(', ')}: s3://${store.bucket}`);
}

async function readBack(store: ObjectStore, key: string, written: Buffer): Promise<void> {
  const { bytes } = await store.get(key);
  if (!written.equals(bytes)) throw new Error(`${key} holds other bytes than were written`);
}

async function conditionsFinding(store: ObjectStore): Promise<Finding> {
  const check = 'conditional writes';
  try {
    await checkConditionalWrites(store);
    return fine(check, 'If-None-Match and If-Match let one of two writers win');
  } catch (error) {
    return broken(check, reasonOf(error), 'use AWS S3 or another server that has them');
  }
}
