/** Uploads while the S3 server is killed, its bucket goes away, or the credentials expire. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openUploads } from '../../activities/uploads.ts';
import { checkpointManifestSchema } from '../../contract/manifests.ts';
import { planTraining } from '../../contract/plan.ts';
import { bundleFiles, ledgerFile, lossesFile } from '../../model/checkpoint-files.ts';
import { checkpointAt, commitCheckpoint, manifestKeyOf } from '../../model/checkpoint.ts';
import { readManifest } from '../../storage/commit.ts';
import { StorageAccessError, TransientStorageError } from '../../storage/store.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { openSegments } from '../support/segments.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

const inputs = trainingInputs();
const timeline = [{ fromStep: 0, numerics }];
const plan = planTraining(inputs.samples, inputs.config.training);
const limits = { connectMs: 1_000, silenceMs: 2_000, answerMs: 2_000, attempts: 2 };

let s3: TestS3;
let folder: string;
before(async () => {
  s3 = await startTestS3();
  folder = await mkdtemp(join(tmpdir(), 'nightshift-outage-'));
});
after(async () => {
  await s3.stop();
  await rm(folder, { recursive: true });
});

/** A state on disk; its variables go up in parts. */
async function savedState(step: number) {
  const directory = join(folder, String(step));
  await mkdir(directory);
  for (const name of [bundleFiles[0], lossesFile, ledgerFile]) {
    await writeFile(join(directory, name), name);
  }
  await writeFile(join(directory, bundleFiles[1]), randomBytes(17_000_000));
  return { checkpoint: checkpointAt(inputs, timeline, step), parent: null, directory };
}

test('states whose upload the server did not live through are uploaded once it is back', async () => {
  const store = await s3.openStore({ limits });
  const uploads = openUploads();
  const steps = [1, 2, 3];
  for (const step of steps) {
    const saved = await savedState(step);
    const context = { inputs, timeline, validations: [], plan };
    uploads.add(saved, () => commitCheckpoint(store, context, saved));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  await s3.kill();
  await assert.rejects(uploads.settled(inputs.run), TransientStorageError);
  await s3.restart();
  await uploads.settled(inputs.run);
  assert.equal(uploads.durable(inputs.run)?.step, 3);
  for (const step of steps) {
    const key = manifestKeyOf(checkpointAt(inputs, timeline, step));
    assert.ok(await readManifest(store, key, checkpointManifestSchema, { deep: true }));
  }
});

/** A segment to the run's end fails as `broken` says, and once that is mended another worker ends the run. */
async function overcomes(
  store: Awaited<ReturnType<TestS3['openStore']>>,
  broken: { begin(): Promise<void>; end(): Promise<void>; problem: RegExp },
): Promise<void> {
  const segments = await openSegments(store);
  const worker = await segments.newWorker();
  await segments.run(worker, 0, 10);
  await segments.settled();
  await broken.begin();
  await assert.rejects(segments.run(worker, 10, 20), (error) => {
    assert.ok(error instanceof StorageAccessError);
    assert.match(error.message, broken.problem);
    return true;
  });
  await broken.end();
  const done = await segments.run(await segments.newWorker(), 10, 20);
  assert.deepEqual([done.loadedStep, done.step], [10, 20]);
  assert.ok(await segments.state(20));
  await segments.remove();
}

test('expired credentials end the segment at once, with their name; renewed, the run goes on', async (t) => {
  const proxy = await startFaultProxy(s3.address);
  t.after(() => proxy.stop());
  await overcomes(await s3.openStore({ endpoint: proxy.address, limits }), {
    begin: async () =>
      proxy.inject({ kind: 'status', status: 400, code: 'ExpiredToken' }, { times: Infinity }),
    end: async () => proxy.heal(),
    problem: /ExpiredToken/,
  });
});

test('a bucket that is gone ends the segment at once, with its name; there again, the run goes on', async () => {
  const store = await s3.openStore({ limits });
  const [there, away] = [join(s3.directory, store.bucket), join(folder, 'away')];
  await overcomes(store, {
    begin: () => rename(there, away),
    end: () => rename(away, there),
    problem: new RegExp(`${store.bucket}.*NoSuchBucket`),
  });
});
