/** Sources by ranges: whatever kind they are, the same bytes; and what a server may do meanwhile. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { readHttp } from '../../storage/http-ranges.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { openRanges, streamRanges } from '../../storage/ranges.ts';
import type { RangedSource } from '../../storage/ranges.ts';
import type { SourceOptions } from '../../storage/sources.ts';

const body = randomBytes(3_000_000);
const memory = openMemoryStore('datasets');
const options: SourceOptions = { openBucket: async () => memory, silenceMs: 300 };

let server: Server;
let address: string;
let folder: string;
let etag: string;
let withRanges: boolean;
let withHead: boolean;
/** The server's next answers to GETs; when none is left it answers as it should. */
let answers: ((incoming: IncomingMessage, outgoing: ServerResponse) => void)[];

before(async () => {
  server = createServer((incoming, outgoing) => {
    if (incoming.method === 'HEAD' && !withHead) return outgoing.writeHead(403).end();
    const answer = incoming.method === 'GET' ? answers.shift() : undefined;
    (answer ?? serve)(incoming, outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.tar`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-ranges-'));
  [etag, withRanges, withHead, answers] = ['"v1"', true, true, []];
});
afterEach(() => rm(folder, { recursive: true }));

function serve({ method, headers }: IncomingMessage, outgoing: ServerResponse): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
  const facts = { etag, ...(withRanges && { 'accept-ranges': 'bytes' }) };
  if (!range || !withRanges) {
    outgoing.writeHead(200, { ...facts, 'content-length': body.length });
    outgoing.end(method === 'HEAD' ? undefined : body);
    return;
  }
  const [first, last] = [Number(range[1]), Math.min(Number(range[2]), body.length - 1)];
  const place = `bytes ${first}-${last}/${body.length}`;
  outgoing.writeHead(206, { ...facts, 'content-range': place });
  outgoing.end(body.subarray(first, last + 1));
}

async function allOf(source: RangedSource, from = 0): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of streamRanges(source, from)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const opened = async (source: string): Promise<RangedSource> =>
  (await openRanges(source, options)) ?? assert.fail('no ranges');

test('a path, a bucket and a server give the same bytes, from anywhere on', async () => {
  const path = join(folder, 'data.tar');
  await writeFile(path, body);
  await memory.put('data.tar', body);
  for (const source of [path, 's3://datasets/data.tar', address]) {
    const ranges = await opened(source);
    assert.equal(ranges.size, body.length);
    assert.ok(body.equals(await allOf(ranges)));
    assert.ok(body.subarray(2_000_001).equals(await allOf(ranges, 2_000_001)));
    assert.deepEqual(await allOf(ranges, body.length), Buffer.alloc(0));
    await ranges.close();
  }
});

test('an address that is signed for GET alone is read by ranges too', async () => {
  withHead = false;
  assert.ok(body.equals(await allOf(await opened(address))));
});

test('a server that gives no ranges says so', async () => {
  for (withHead of [true, false]) {
    withRanges = false;
    assert.equal(await openRanges(address, options), undefined);
  }
});

test('what breaks off or fails on the way is asked for again', async () => {
  const ranges = await opened(address);
  answers = [
    (_, outgoing) => outgoing.writeHead(503).end(),
    (_, outgoing) => {
      outgoing.writeHead(206, { etag, 'content-length': 100 }).write('x');
      setTimeout(() => outgoing.destroy(), 20);
    },
    () => undefined, // silence
  ];
  assert.ok(body.subarray(5, 105).equals(await ranges.read(5, 100)));
});

test('a source that changes or gets shorter while it is read is not read on', async () => {
  const ranges = await opened(address);
  etag = '"v2"';
  await assert.rejects(ranges.read(0, 10), {
    name: 'Unavailable',
    message: `${address}: it changed while it was read`,
  });
  const path = join(folder, 'data.tar');
  await writeFile(path, body);
  const file = await opened(path);
  await truncate(path, 1000);
  await assert.rejects(allOf(file), { name: 'Unavailable', message: /got shorter/ });
  await file.close();
});

test('what is not there is refused', async () => {
  answers = [(_, outgoing) => outgoing.writeHead(404).end()];
  withHead = false;
  for (const source of [address, 's3://datasets/gone', join(folder, 'gone')]) {
    await assert.rejects(openRanges(source, options), { name: 'InvalidData' });
  }
});

test('a web file is read whole unless it is too large, whether or not it says so', async () => {
  assert.ok(body.equals((await readHttp(address, body.length, options))!));
  assert.equal(await readHttp(address, body.length - 1, options), undefined);
  answers = [(_, outgoing) => outgoing.writeHead(200).end(body)];
  assert.equal(await readHttp(address, 1000, options), undefined);
});
