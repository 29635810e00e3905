/** The store over S3 under the faults of networks and servers. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { sha256Hex } from '../../storage/hash.ts';
import type { S3Settings } from '../../storage/s3-client.ts';
import {
  DamagedObject,
  PreconditionFailed,
  StorageAccessError,
  TransientStorageError,
} from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { Fault, FaultProxy } from '../support/fault-proxy.ts';
import { startTestS3 } from '../support/servers.ts';
import type { TestS3 } from '../support/servers.ts';

const limits = { connectMs: 2_000, silenceMs: 1_200, answerMs: 1_200, attempts: 3 };
const body = randomBytes(50_000);
const other = Buffer.from('of another writer');

let s3: TestS3;
let proxy: FaultProxy;
/** Through the proxy, and straight to the same bucket. */
let store: ObjectStore;
let direct: ObjectStore;
let folder: string;

before(async () => {
  s3 = await startTestS3();
  proxy = await startFaultProxy(s3.address);
  direct = await s3.openStore();
  const proxied = { bucket: direct.bucket, endpoint: proxy.address };
  store = await s3.openStore({ ...proxied, limits, downloadThreads: true });
  folder = await mkdtemp(join(tmpdir(), 'nightshift-faults-'));
});
afterEach(() => proxy.heal());
after(async () => {
  await s3.stop();
  await proxy.stop();
  await rm(folder, { recursive: true });
});

const status = (code: number, name: string): Fault => ({
  kind: 'status',
  status: code,
  code: name,
});
const internalError = status(500, 'InternalError');
const contentOf = async (key: string): Promise<Buffer> =>
  Buffer.from((await direct.get(key)).bytes);

const beforeTheAnswer: readonly (readonly [string, Fault])[] = [
  ['a 500', internalError],
  ['a 503 SlowDown', status(503, 'SlowDown')],
  ['a reset connection', { kind: 'reset' }],
  ['a lost reply', { kind: 'lost-reply' }],
  ['an answer that comes too late', { kind: 'delay', ms: 1_800 }],
];
const withinTheBody: readonly (readonly [string, Fault])[] = [
  ['a body cut short', { kind: 'truncated-body' }],
  ['a body that stalls', { kind: 'stalled-body' }],
  ['a bit flipped on the way', { kind: 'flipped-bit' }],
];

for (const [name, fault] of [...beforeTheAnswer, ...withinTheBody]) {
  test(`reading gets over ${name}`, async () => {
    await direct.put('read', body);
    const path = join(folder, 'read');
    const where = { method: 'GET', path: /\/read/ };
    proxy.inject(fault, where);
    assert.deepEqual(Buffer.from((await store.get('read')).bytes), body);
    const sha256 = sha256Hex(body);
    for (const known of [undefined, sha256]) {
      proxy.inject(fault, where);
      const result = await store.getToFile('read', path, { sha256: known });
      assert.deepEqual(result, { size: body.length, sha256 });
      assert.ok((await readFile(path)).equals(body));
      assert.deepEqual(await readdir(folder), ['read']);
      await rm(path);
    }
  });
}

for (const [name, fault] of beforeTheAnswer) {
  test(`a conditional write gets over ${name}, and knows itself the winner`, async () => {
    const key = `write ${name}`;
    proxy.inject(fault, { method: 'PUT' });
    const { etag } = await store.put(key, other, { ifNoneMatch: '*' });
    proxy.inject(fault, { method: 'PUT' });
    await store.put(key, body, { ifMatch: etag });
    assert.deepEqual(await contentOf(key), body);
  });

  test(`an upload in parts gets over ${name} of each kind of request`, async () => {
    const bytes = randomBytes(17_000_000);
    const path = join(folder, 'large');
    await writeFile(path, bytes);
    proxy.inject(fault, { method: 'POST', path: /uploads/ });
    proxy.inject(fault, { method: 'PUT', path: /partNumber=2/ });
    proxy.inject(fault, { method: 'POST', path: /uploadId=/ });
    const stored = await store.putFile('large', path);
    assert.equal(stored.sha256, sha256Hex(bytes));
    assert.ok((await contentOf('large')).equals(bytes));
    await rm(path);
  });
}

for (const [size, how] of [
  [50_000, 'in one piece'],
  [17_000_000, 'in parts'],
] as const) {
  test(`of a file that goes up ${how} the server takes no bit that was flipped on the way`, async () => {
    const path = join(folder, 'hurt');
    await writeFile(path, randomBytes(size));
    proxy.inject({ kind: 'flipped-bit-sent' }, { method: 'PUT' });
    await assert.rejects(store.putFile('hurt', path), TransientStorageError);
    assert.equal(await direct.head('hurt'), undefined);
    await rm(path);
  });
}

test('an upload whose completion is lost, and then unknown to the server, is known as done', async () => {
  const path = join(folder, 'completed');
  await writeFile(path, randomBytes(17_000_000));
  const completion = { method: 'POST', path: /uploadId=/ };
  proxy.inject({ kind: 'lost-reply' }, completion);
  proxy.inject(status(404, 'NoSuchUpload'), completion);
  const { etag } = await store.putFile('completed', path);
  assert.equal(etag, (await direct.head('completed'))?.etag);
  proxy.inject(status(404, 'NoSuchUpload'), completion);
  await assert.rejects(store.putFile('completed', path), TransientStorageError);
  await rm(path);
});

test('the loser of a race is told so, also when its first try met a fault', async () => {
  await direct.put('lost', other);
  proxy.inject(internalError, { method: 'PUT' });
  await assert.rejects(store.put('lost', body, { ifNoneMatch: '*' }), PreconditionFailed);
  assert.deepEqual(await contentOf('lost'), other);
});

test('the loser of a race is told so, also when both write the same bytes', async () => {
  await direct.put('twins', body);
  proxy.inject({ kind: 'reset' }, { method: 'PUT' });
  await assert.rejects(store.put('twins', body, { ifNoneMatch: '*' }), PreconditionFailed);
});

test('a 409 of two writers that met is tried again', async () => {
  proxy.inject(status(409, 'ConditionalRequestConflict'), { method: 'PUT', times: 2 });
  await store.put('conflict', body, { ifNoneMatch: '*' });
  assert.deepEqual(await contentOf('conflict'), body);
});

test('a 409 that stays ends as TransientStorageError', async () => {
  proxy.inject(status(409, 'ConditionalRequestConflict'), { times: Infinity });
  const put = store.put('conflicts', body, { ifNoneMatch: '*' });
  await assert.rejects(put, TransientStorageError);
});

test('a 412 is PreconditionFailed, with its cause', async () => {
  proxy.inject(status(412, 'PreconditionFailed'), { method: 'PUT' });
  await assert.rejects(store.put('condition', body, { ifNoneMatch: '*' }), (error) => {
    assert.ok(error instanceof PreconditionFailed);
    assert.ok(error.cause instanceof Error);
    assert.match(error.message, /s3:\/\/test-.*\/condition: .*If-None-Match: \*/);
    return true;
  });
});

for (const [name, fault] of [...beforeTheAnswer.slice(0, 3), ...withinTheBody.slice(0, 2)]) {
  test(`${name} again and again ends as TransientStorageError`, async () => {
    await direct.put('unreachable', body);
    proxy.inject(fault, { times: Infinity });
    await assert.rejects(store.get('unreachable'), (error) => {
      assert.ok(error instanceof TransientStorageError);
      assert.equal(error.key, 'unreachable');
      assert.ok(error.cause instanceof Error);
      return true;
    });
  });
}

test('a server that is gone is TransientStorageError', async () => {
  const gone = await startFaultProxy(s3.address);
  const lost = await s3.openStore({ bucket: direct.bucket, endpoint: gone.address, limits });
  await gone.stop();
  await assert.rejects(lost.get('any'), TransientStorageError);
});

for (const code of ['ExpiredToken', 'AccessDenied', 'NoSuchBucket']) {
  test(`${code} is StorageAccessError, and not asked again`, async () => {
    proxy.inject(status(code === 'AccessDenied' ? 403 : 400, code), { times: Infinity });
    const before = proxy.requests.length;
    await assert.rejects(store.get('refused'), (error) => {
      assert.ok(error instanceof StorageAccessError);
      assert.match(error.message, new RegExp(code));
      return true;
    });
    assert.equal(proxy.requests.length, before + 1);
  });
}

const wrongSettings: readonly (readonly [string, () => Partial<S3Settings>])[] = [
  ['a wrong secret', () => ({ credentials: { ...s3.credentials, secretAccessKey: 'wrong' } })],
  ['an unknown access key', () => ({ credentials: { ...s3.credentials, accessKeyId: 'nobody' } })],
  ['a bucket that is not there', () => ({ bucket: 'no-such-bucket' })],
];
for (const [name, settings] of wrongSettings) {
  test(`${name} is StorageAccessError when the store is opened`, async () => {
    const opened = s3.openStore({ createBucket: false, ...settings() });
    await assert.rejects(opened, { name: 'StorageAccess' });
  });
}

for (const [size, how] of [
  [50_000, 'in one piece'],
  [17_000_000, 'in parts'],
] as const) {
  test(`a bit flipped on the server's disk shows on reading a file that went up ${how}`, async () => {
    const path = join(folder, 'source');
    await writeFile(path, randomBytes(size));
    const { etag } = await direct.putFile('rotten', path);
    await flipByte(join(s3.directory, direct.bucket, 'rotten'), 1000);
    await assert.rejects(direct.digest('rotten'), (error) => {
      assert.ok(error instanceof DamagedObject);
      assert.equal(error.etag, etag);
      return true;
    });
    await assert.rejects(direct.getToFile('rotten', path), DamagedObject);
    await rm(path);
    assert.deepEqual(await readdir(folder), []);
  });
}

test('an upload that is aborted ends with the reason and leaves no parts', async () => {
  await direct.abortUploadsBefore(new Date(Date.now() + 60_000)); // of lost replies above
  const path = join(folder, 'aborted');
  await writeFile(path, randomBytes(40_000_000));
  const controller = new AbortController();
  const reason = new Error('the worker is told to stop');
  proxy.inject({ kind: 'delay', ms: 200 }, { path: /partNumber=/, times: Infinity });
  const put = store.putFile('aborted', path, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 100);
  await assert.rejects(put, reason);
  assert.equal(await direct.head('aborted'), undefined);
  assert.equal(await direct.abortUploadsBefore(new Date(Date.now() + 60_000)), 0);
  await rm(path);
});

test('uploads that never ended are aborted once they are old enough', async () => {
  const path = join(folder, 'orphan');
  await writeFile(path, randomBytes(17_000_000));
  proxy.inject({ kind: 'reset' }, { method: 'PUT', times: Infinity });
  proxy.inject({ kind: 'reset' }, { method: 'DELETE', times: Infinity });
  await assert.rejects(store.putFile('orphan', path), TransientStorageError);
  assert.equal(await direct.abortUploadsBefore(new Date(Date.now() - 60_000)), 0);
  assert.equal(await direct.abortUploadsBefore(new Date(Date.now() + 60_000)), 1);
  assert.equal(await direct.abortUploadsBefore(new Date(Date.now() + 60_000)), 0);
  await rm(path);
});

test('an abort ends a read that stalls, at once and with the reason', async () => {
  await direct.put('stalled', body);
  const settings = { bucket: direct.bucket, endpoint: proxy.address, downloadThreads: true };
  const patient = await s3.openStore(settings);
  const reason = new Error('the worker is told to stop');
  const reads = {
    get: (signal) => patient.get('stalled', { signal }),
    digest: (signal) => patient.digest('stalled', { signal }),
    getToFile: (signal) =>
      patient.getToFile('stalled', join(folder, 'stalled'), { signal, sha256: sha256Hex(body) }),
  } satisfies Record<string, (signal: AbortSignal) => Promise<unknown>>;
  for (const read of Object.values(reads)) {
    proxy.inject({ kind: 'stalled-body' }, { method: 'GET' });
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 100);
    const start = performance.now();
    await assert.rejects(read(controller.signal), reason);
    assert.ok(performance.now() - start < 10_000);
  }
});

test('a local disk that takes no byte is not taken for a fault of the store', async () => {
  await direct.put('local', body);
  const path = join(folder, 'no', 'such', 'folder');
  for (const sha256 of [undefined, sha256Hex(body)]) {
    await assert.rejects(store.getToFile('local', path, { sha256 }), { code: 'ENOENT' });
  }
});

async function flipByte(path: string, offset: number): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte[0]! ^= 1;
  await file.write(byte, 0, 1, offset);
}
