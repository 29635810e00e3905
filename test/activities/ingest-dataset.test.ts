/** Taking a dataset in: from whom, when it is downloaded again, and what is refused. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { ingestDataset, ingestNamed } from '../../activities/ingest-dataset.ts';
import type { IngestedDataset, NamedDataset } from '../../activities/ingest-dataset.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { datasetManifestSchema } from '../../contract/manifests.ts';
import { encodeCifarRecord } from '../../data/cifar-records.ts';
import { readCifarArchive } from '../../data/cifar.ts';
import { sha256 } from '../../data/digest.ts';
import { readManifest } from '../../storage/commit.ts';
import { TransientStorageError } from '../../storage/store.ts';
import { madeImage } from '../data/support.ts';
import { tarOf } from '../data/archives.ts';
import { keysOf, openTestServices, testStep } from '../support/data-services.ts';
import { madePhotos } from '../support/images.ts';

const batch = Buffer.concat([0, 1, 1].map((label, n) => encodeCifarRecord(label, madeImage(n))));
const classes = ['cat', 'dog'];
const archive = await archiveOf(classes);

async function archiveOf(names: readonly string[], bytes: Uint8Array = batch): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'batches.meta.txt' }, names.join('\n'));
  tar.entry({ name: 'data_batch_1.bin' }, Buffer.from(bytes));
  tar.finalize();
  return gzipSync(await buffer(tar));
}

interface Served {
  readonly body: Buffer;
  readonly etag?: string;
  readonly status?: number;
  /** Is answered then. */
  readonly until?: Promise<void>;
}
const missing: Served = { body: Buffer.alloc(0), status: 404 };

let server: Server;
let origin: string;
/** Where no one listens any more. */
let unreachable: string;
/** What is served by path, with which ETag if any; what is not there is a 404. */
let served: Map<string, Served>;
/** Paths of the GETs. */
let downloads: string[];
let services: Awaited<ReturnType<typeof openTestServices>>;

before(async () => {
  server = createServer(({ method, url }, outgoing) => {
    if (method === 'GET') downloads.push(url!);
    const { body, etag, status = 200, until = Promise.resolve() } = served.get(url!) ?? missing;
    const answer = (): ServerResponse =>
      outgoing
        .writeHead(status, { 'content-length': body.length, ...(etag && { etag }) })
        .end(method === 'HEAD' ? undefined : body);
    void until.then(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  unreachable = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/pets`;
  closed.close();
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(async () => {
  served = new Map([['/good', { body: archive, etag: '"v1"' }]]);
  downloads = [];
  services = await openTestServices();
});
afterEach(() => services.remove());

const ingest = (source: string): Promise<IngestedDataset> =>
  ingestDataset(services, { source, maxBadImages: 0, keepDays: 7 }, testStep());

/** A known dataset that is to be had at these paths of the server, or at these addresses. */
function ingestFrom(...places: string[]): Promise<IngestedDataset> {
  const named: NamedDataset = {
    name: 'pets',
    files: [{ name: 'data_batch_1.bin', sha256: sha256(batch) }],
    classes,
    candidates: places.map((place) => ({
      address: place.startsWith('/') ? origin + place : place,
      read: readCifarArchive,
    })),
  };
  // The activity's log needs a context to write to; what is refused here is no news.
  const logger = new DefaultLogger('ERROR');
  return new MockActivityEnvironment({}, { logger }).run(ingestNamed, services, named, testStep());
}

test('a known dataset comes from the first candidate that gives it', async () => {
  const other = await archiveOf(['cow', 'hen']);
  served.set('/other', { body: other });
  served.set('/away', { body: Buffer.alloc(0), status: 503 });
  const { digest } = await ingestFrom('/gone', '/other', '/away', unreachable, '/good', '/good');
  assert.deepEqual([...new Set(downloads)], ['/gone', '/other', '/away', '/good']);
  const { source } = (await readManifest(
    services.store,
    stageManifestKey(digest),
    datasetManifestSchema,
  ))!;
  assert.equal(source, `${origin}/good`);
  downloads = [];
  assert.equal((await ingestFrom('/gone')).digest, digest);
  assert.deepEqual(downloads, []);
});

test('when no candidate gives it the failure names them all, and lasts only if all do', async () => {
  await assert.rejects(ingestFrom('/gone', unreachable), {
    name: 'Unavailable',
    message: new RegExp(
      `no source gives 'pets'; .*give the path of an archive.*\\n- ${origin}/gone: .*404.*\\n- ${unreachable}: no answer`,
    ),
  });
  await assert.rejects(ingestFrom('/gone', 'file://pets/a'), { name: 'InvalidData' });
});

test("a fault of the store or of the disk is not a candidate's", async () => {
  const put = async (): Promise<never> => {
    throw new TransientStorageError({ bucket: 'b', key: 'k' }, 'the store fails');
  };
  const { store } = services;
  services = { ...services, store: { ...store, put } };
  await assert.rejects(ingestFrom('/good', '/other'), { message: 's3://b/k: the store fails' });
  services = { ...services, store };
  await rm(services.downloads, { recursive: true });
  await writeFile(services.downloads, 'a file where the folder should be');
  await assert.rejects(ingestFrom('/good', '/other'), { code: 'ENOTDIR' });
  assert.deepEqual(downloads, ['/good']);
});

test('the same files with other class names are another dataset', async () => {
  served.set('/other', { body: await archiveOf(['dog', 'cat']) });
  const known = await ingestFrom('/good');
  assert.equal((await ingest(`${origin}/good`)).digest, known.digest);
  const other = await ingest(`${origin}/other`);
  assert.notEqual(other.digest, known.digest);
  assert.deepEqual(other.classes, ['dog', 'cat']);
});

test("classes that a run takes are the dataset's, in its order; what it lacks is refused by name", async () => {
  const source = `${origin}/good`;
  const whole = await ingest(source);
  for (let again = 0; again < 2; again += 1) {
    const asked = { source, maxBadImages: 0, keepDays: 7, classes: ['dog', 'cat'] };
    assert.deepEqual(await ingestDataset(services, asked, testStep()), whole);
    const wrong = { ...asked, classes: ['dog', 'cow'], digest: again ? whole.digest : undefined };
    await assert.rejects(ingestDataset(services, wrong, testStep()), {
      name: 'InvalidData',
      message: "dataset.classes: the dataset has no class 'cow'; it has cat, dog",
    });
  }
});

test('a source that says it has not changed is not downloaded again, one that says nothing is', async () => {
  served.set('/silent', { body: archive });
  for (const path of ['/good', '/good', '/silent', '/silent']) await ingest(origin + path);
  assert.deepEqual(downloads, ['/good', '/silent', '/silent']);
  const bytes = Buffer.concat([batch, batch]);
  for (const [path, etag] of [
    ['/good', '"v2"'],
    ['/silent', undefined],
  ] as const) {
    served.set(path, { body: await archiveOf(classes, bytes), ...(etag && { etag }) });
    assert.equal((await ingest(origin + path)).samples, 6);
  }
});

test('images are taken in by their source, and not read again while it has not changed', async () => {
  const photos = await madePhotos(classes, 3);
  const entries = [...photos].map(([name, bytes]) => ({ name, bytes }));
  const broken = { name: 'pets/cat/broken.jpg', bytes: 'no image' };
  served.set('/photos', { body: await tarOf(...entries, broken), etag: '"v1"' });
  const source = `${origin}/photos`;
  const taken = { classes, samples: 6, setAside: 1 };
  for (const maxBadImages of [0.5, 0.5]) {
    const dataset = await ingestDataset(
      services,
      { source, maxBadImages, keepDays: 7 },
      testStep(),
    );
    assert.deepEqual(dataset, { digest: dataset.digest, ...taken });
  }
  assert.deepEqual(downloads, ['/photos']);
  await assert.rejects(
    ingest(source),
    /^InvalidData: dataset\.source: .*has 1 of 7 images that can't/,
  );
});

test('runs that ask for one source at a time download it once', async () => {
  const address = `${origin}/good`;
  const got = await Promise.all([ingest(address), ingest(address), ingest(address)]);
  assert.equal(new Set(got.map(({ digest }) => digest)).size, 1);
  assert.deepEqual(downloads, ['/good']);
  assert.deepEqual(await readdir(services.downloads), []);
});

test('a run that is cancelled while another takes its source in ends at once', async () => {
  let release = (): void => undefined;
  const until = new Promise<void>((resolve) => (release = resolve));
  served.set('/held', { body: archive, until });
  const cancelled = new AbortController();
  const first = ingest(`${origin}/held`);
  const second = ingestDataset(
    services,
    { source: `${origin}/held`, maxBadImages: 0, keepDays: 7 },
    testStep(cancelled.signal),
  ).finally(release);
  cancelled.abort();
  await assert.rejects(Promise.race([first, second]), { name: 'AbortError' });
  await first;
});

test('a wrong source is refused with its key and address, and nothing is stored', async () => {
  const oneClass = await archiveOf(['cat'], encodeCifarRecord(0, madeImage(0)));
  served.set('/one-class', { body: oneClass });
  served.set('/page', { body: Buffer.from('<html>'.repeat(100)) });
  for (const [path, problem] of [
    ['/gone', 'the server answers HTTP 404'],
    ['/page', "the dataset's archive is no tar, tar.gz or zip"],
    ['/one-class', '1 class names, but'],
  ] as const) {
    await assert.rejects(ingest(origin + path), {
      name: 'InvalidData',
      message: new RegExp(`^dataset\\.source: ${origin}${path}: ${problem}`),
    });
  }
  await assert.rejects(ingest('/dev/zero'), /^InvalidData: dataset\.source: \/dev\/zero: is no/);
  assert.deepEqual(await keysOf(services.store), []);
  assert.deepEqual(await readdir(services.downloads), []);
});

test('a stored file that is gone or damaged is not taken for good', async () => {
  const { store } = services;
  const { digest } = await ingest(`${origin}/good`);
  const readFiles = async () =>
    (await readManifest(store, stageManifestKey(digest), datasetManifestSchema, { deep: true }))!;
  for (const hurt of [
    (key: string) => store.delete([key]),
    (key: string) => store.put(key, Buffer.alloc(batch.length, 7)),
  ]) {
    const [file] = (await readFiles()).files;
    await hurt(file!.key);
    assert.equal((await ingest(`${origin}/good`)).digest, digest);
    assert.notEqual((await readFiles()).files[0]!.key, file!.key);
  }
});

test('a pointer that is damaged is made again', async () => {
  await ingest(`${origin}/good`);
  const [pointer] = (await keysOf(services.store)).filter((key) => key.startsWith('sources/'));
  await services.store.put(pointer!, Buffer.from('{'));
  await ingest(`${origin}/good`);
  await ingest(`${origin}/good`);
  assert.deepEqual(downloads, ['/good', '/good']);
});
