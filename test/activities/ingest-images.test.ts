/** Taking images in: from every kind of source, after a kill, and what is set aside or refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { ingestImages } from '../../activities/ingest-images.ts';
import { packLimits } from '../../activities/image-parts.ts';
import type { PackLimits } from '../../activities/image-parts.ts';
import { locateImages } from '../../activities/locate-images.ts';
import type { DatasetManifest } from '../../contract/manifests.ts';
import { sha256 } from '../../data/digest.ts';
import { encodeFeatures } from '../../data/example.ts';
import { frameRecord } from '../../data/record-stream.ts';
import { pagesOf, parsePage } from '../../data/sample-list.ts';
import type { Sample } from '../../data/sample-list.ts';
import { readFileOf } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { tarOf, zipOf } from '../data/archives.ts';
import { keysOf, openTestServices, testStep } from '../support/data-services.ts';
import { imageOf, jpegOf, madePhotos, realPhotos } from '../support/images.ts';

const classes = ['cat', 'dog'];
const photos = await madePhotos(classes, 6);
const entries = [...photos].map(([name, bytes]) => ({ name, bytes }));
const tar = await tarOf(...entries);
const devkitMeta = readFileSync(new URL('../data/ilsvrc-meta.mat', import.meta.url));
/** Some packs of the photos above. */
const small: PackLimits = { bytes: 3000, files: 10 };

let services: Awaited<ReturnType<typeof openTestServices>>;
let bucket: ObjectStore;
let folder: string;
let server: Server;
let origin: string;
let served: Map<string, Buffer>;
/** The first byte of each range that was asked for. */
let ranges: number[];

before(async () => {
  server = createServer(({ method, url, headers }, outgoing) => {
    const body = served.get(url!);
    if (!body) return outgoing.writeHead(404).end();
    const facts = { 'accept-ranges': 'bytes', etag: `"${sha256(body)}"` };
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
    if (!range) {
      outgoing.writeHead(200, { ...facts, 'content-length': body.length });
      return outgoing.end(method === 'HEAD' ? undefined : body);
    }
    const [first, last] = [Number(range[1]), Math.min(Number(range[2]), body.length - 1)];
    ranges.push(first);
    const place = `bytes ${first}-${last}/${body.length}`;
    outgoing
      .writeHead(206, { ...facts, 'content-range': place })
      .end(body.subarray(first, last + 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(async () => {
  bucket = openMemoryStore('datasets');
  services = { ...(await openTestServices()), openBucket: async () => bucket };
  folder = await mkdtemp(join(tmpdir(), 'nightshift-images-'));
  served = new Map();
  ranges = [];
});
afterEach(async () => {
  assert.deepEqual(await readdir(services.scratch), []);
  assert.deepEqual(await readdir(services.downloads), []);
  await services.remove();
  await rm(folder, { recursive: true });
});

interface Asked {
  readonly maxBadImages?: number;
  readonly sha256?: string;
  readonly limits?: PackLimits;
}

async function ingest(source: string, asked: Asked = {}): Promise<DatasetManifest> {
  const { maxBadImages = 0.01, sha256, limits = packLimits } = asked;
  const step = testStep();
  const location = await locateImages(services, { source, sha256 }, step);
  try {
    return await location.read({
      images: (images) =>
        ingestImages(services, images, { source, maxBadImages, keepDays: 7 }, step, limits),
      cifar: async () => assert.fail('taken for CIFAR'),
    });
  } finally {
    location.close();
  }
}

async function write(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

async function writeTar(...files: readonly { name: string; bytes: Uint8Array | string }[]) {
  return write('a.tar', await tarOf(...files));
}

async function indexOf(dataset: DatasetManifest): Promise<Sample[]> {
  const pages = pagesOf(dataset.files, 'index');
  const rows = await Promise.all(pages.map((page) => readFileOf(services.store, page)));
  return rows.flatMap((page) => [...parsePage(page)]);
}

const namesOf = (dataset: DatasetManifest): string[] => dataset.files.map(({ name }) => name);

test('each row of the index leads to the very bytes of an image', async () => {
  const dataset = await ingest(await writeTar(...entries), { limits: small });
  assert.deepEqual(dataset.classes, classes);
  assert.deepEqual([dataset.samples, dataset.samplesByClass], [12, [6, 6]]);
  const index = await indexOf(dataset);
  assert.deepEqual(
    index.map(({ id }) => id),
    [...photos.keys()],
  );
  for (const { id, file, offset, length, label, sha256: hash, phash } of index) {
    const { key } = dataset.files.find(({ name }) => name === file)!;
    const bytes = await services.store.getRange(key, { offset, length });
    assert.deepEqual(Buffer.from(bytes), photos.get(id));
    assert.equal(sha256(bytes), hash);
    assert.equal(classes[label], id.split('/')[1]);
    assert.match(phash!, /^[0-9a-f]{16}$/);
  }
});

test('the same images are the same dataset, whatever source they come from', async () => {
  for (const [name, bytes] of photos) {
    await write(name, bytes);
    await bucket.put(`some/${name}`, bytes);
  }
  const list = [...photos.keys()].map((name) => `${name},${name.split('/')[1]}\n`);
  const rows = [...photos.keys()].map((address) =>
    JSON.stringify({ address, label: address.split('/')[1] }),
  );
  await bucket.put('some/list.jsonl', Buffer.from(rows.join('\n')));
  await bucket.put('some.tar', tar);
  served = new Map([...photos].map(([name, bytes]) => [`/${name}`, bytes]));
  served.set('/a.tgz', gzipSync(tar)).set('/a.tar', tar);
  served.set('/list.csv', Buffer.from(`address,label\n${list.join('')}`));
  const digests = new Set<string>();
  for (const source of [
    await write('all/a.tar', tar),
    await write('all/a.tar.gz', gzipSync(tar)),
    await write('all/a.zip', zipOf(...entries)),
    await write('all/an-archive-without-a-suffix', gzipSync(tar)),
    `${origin}/a.tgz`,
    `${origin}/a.tar`,
    `${origin}/list.csv`,
    's3://datasets/some.tar',
    's3://datasets/some/list.jsonl',
    await write('list.csv', `address,label\n${list.join('')}`),
  ]) {
    const { digest } = await ingest(source, { limits: small });
    digests.add(digest);
  }
  assert.equal(digests.size, 1);
  await bucket.delete(['some/list.jsonl']);
  await rm(join(folder, 'all'), { recursive: true });
  await rm(join(folder, 'list.csv'));
  for (const source of [folder, 's3://datasets/some/']) {
    digests.add((await ingest(source, { limits: small })).digest);
  }
  assert.equal(digests.size, 1);
});

test('an attempt that follows a kill redoes no finished pack, and enters a tar where they end', async () => {
  const big = await tarOf(
    ...entries.flatMap((entry) => [
      entry,
      { name: `notes/${entry.name}.txt`, bytes: Buffer.alloc(1e6) },
    ]),
  );
  const { store } = services;
  for (const [name, bytes] of [
    ['/a.tar', big],
    ['/a.tar.gz', gzipSync(big)],
  ] as const) {
    served.set(name, bytes);
    const written: string[] = [];
    const storeThatTakes = (packs: number): ObjectStore => ({
      ...store,
      async putFile(key, path, options) {
        if (written.length === packs) throw new Error('the worker is killed');
        written.push(key.slice(-21));
        return store.putFile(key, path, options);
      },
    });
    services = { ...services, store: storeThatTakes(2) };
    await assert.rejects(ingest(origin + name, { limits: small }), /the worker is killed/);
    services = { ...services, store: storeThatTakes(10) };
    ranges = [];
    const dataset = await ingest(origin + name, { limits: small });
    assert.equal(dataset.samples, 12);
    assert.deepEqual(
      written,
      [0, 1, 2, 3].map((part) => `images-0000${part}.tfrecord`),
    );
    if (name === '/a.tar') assert.ok(!ranges.some((from) => from > 0 && from < big.length / 3));
  }
});

test('a part that is damaged is made anew, and no other', async () => {
  const source = await writeTar(...entries);
  const first = await ingest(source, { limits: small });
  const hurt = first.files.find(({ name }) => name === 'images-00001.tfrecord')!;
  await services.store.put(hurt.key, Buffer.alloc(hurt.size));
  const again = await ingest(source, { limits: small });
  assert.equal(again.digest, first.digest);
  const moved = again.files.filter(
    ({ key, name }) => name.endsWith('.tfrecord') && !first.files.some((file) => file.key === key),
  );
  assert.deepEqual(
    moved.map(({ name }) => name),
    ['images-00001.tfrecord'],
  );
});

test('files that are no images, by bytes and name, are passed over', async () => {
  const dataset = await ingest(
    await writeTar(
      { name: 'pets/LICENSE.txt', bytes: 'all rights' },
      { name: 'pets/cat/.DS_Store', bytes: 'x' },
      { name: 'pets/cat/._0.jpg', bytes: 'x' },
      { name: '__MACOSX/pets/cat/0.jpg', bytes: 'x' },
      ...entries,
      { name: 'pets/dog/list.csv', bytes: 'a,b' },
    ),
  );
  assert.equal(dataset.samples, 12);
  assert.ok(!namesOf(dataset).includes('rejected.jsonl'));
});

test('an image of any common kind is taken in as it is, whatever it is called', async () => {
  const frames = await Promise.all(
    [0, 1].map((n) =>
      imageOf(60 + n)
        .png()
        .toBuffer(),
    ),
  );
  const kinds = {
    'named.txt': imageOf(50).png(),
    'webp.jpg': imageOf(51).webp(),
    'cmyk.jpg': imageOf(52).toColourspace('cmyk').jpeg(),
    '16-bit.png': imageOf(53).toColourspace('rgb16').png(),
    'grey.JPEG': imageOf(54).greyscale().jpeg(),
    'turned.jpg': imageOf(55).withMetadata({ orientation: 6 }).jpeg(),
    'moving.webp': sharp(frames, { join: { animated: true } }).webp(),
    'without-suffix': imageOf(56).gif(),
    'scan.tif': imageOf(57).tiff(),
  };
  const others = await Promise.all(
    Object.entries(kinds).map(async ([name, image]) => ({
      name: `pets/cat/${name}`,
      bytes: await image.toBuffer(),
    })),
  );
  const dataset = await ingest(await writeTar(...entries, ...others), { maxBadImages: 0 });
  assert.equal(dataset.samples, 12 + others.length);
});

test(
  'real photographs are taken in whole, beside a licence that is none',
  { skip: realPhotos ? false : 'no real photographs beside the checkout' },
  async () => {
    const dataset = await ingest(realPhotos!);
    assert.deepEqual(dataset.classes, ['daisy', 'dandelion', 'roses', 'sunflowers', 'tulips']);
    assert.deepEqual(dataset.samplesByClass, [70, 70, 70, 70, 70]);
    assert.deepEqual(namesOf(dataset), ['images-00000.tfrecord', 'index-00000.jsonl']);
    const looks = new Set((await indexOf(dataset)).map(({ phash }) => phash));
    assert.ok(looks.size > 345, `${looks.size} looks`);
  },
);

test('broken images are set aside with their names and reasons', async () => {
  const whole = await jpegOf(99, 200);
  const source = await writeTar(
    ...entries,
    { name: 'pets/cat/cut.jpg', bytes: whole.subarray(0, whole.length / 2) },
    { name: 'pets/cat/empty.png', bytes: '' },
    { name: 'pets/cat/page.jpg', bytes: '<html>not found</html>' },
    { name: 'banner.jpg', bytes: whole },
  );
  const dataset = await ingest(source, { maxBadImages: 0.3 });
  assert.equal(dataset.samples, 12);
  const report = dataset.files.find(({ name }) => name === 'rejected.jsonl')!;
  const text = Buffer.from(await readFileOf(services.store, report)).toString();
  const rows = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; reason: string });
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['pets/cat/cut.jpg', 'pets/cat/empty.png', 'pets/cat/page.jpg', 'banner.jpg'],
  );
  assert.ok(rows.every(({ reason }) => reason.length > 10));
  await assert.rejects(ingest(source, { maxBadImages: 0.2 }), {
    name: 'InvalidData',
    message:
      /has 4 of 16 images that can't be used, and 'dataset\.maxBadImages' allows a share of 0\.2: .*\n- 'pets\/cat\/cut\.jpg': .*\n- 'pets\/cat\/empty\.png': the file is empty/,
  });
});

test('what no run could train on is refused', async () => {
  const cats = entries.slice(0, 6);
  for (const [files, problem] of [
    [[{ name: 'pets/readme.txt', bytes: 'x' }], /holds no image/],
    [cats, /has one class only, 'cat'/],
    [
      [...cats, { name: 'pets/dog/0.jpg', bytes: await jpegOf(70) }],
      /a single image of class 'dog'/,
    ],
    [[...entries, entries[3]!], /has two images named 'pets\/cat\/3\.jpg'/],
    [[...entries, { name: '../x.jpg', bytes: 'x' }], /which leads out of its folder/],
  ] as const) {
    await assert.rejects(ingest(await writeTar(...files)), {
      name: 'InvalidData',
      message: problem,
    });
    await rm(join(folder, 'a.tar'));
  }
  const stages = (await keysOf(services.store)).filter((key) => /^stages\/\w+\/manifest/.test(key));
  assert.deepEqual(stages, []);
});

test('an archive that has another hash than asked for, or changes on the way, is refused', async () => {
  for (const [name, bytes] of [
    ['a.tar', tar],
    ['a.tar.gz', gzipSync(tar)],
    ['a.zip', zipOf(...entries)],
  ] as const) {
    const path = await write(name, bytes);
    await ingest(path, { sha256: sha256(bytes) });
    await utimes(path, 1, 1);
    await assert.rejects(ingest(path, { sha256: sha256('x') }), /InvalidData: .* expected SHA-256/);
  }
  const changing = await write('changing.tar', tar);
  const step = { ...testStep(), report: () => undefined };
  const location = await locateImages(services, { source: changing }, step);
  await utimes(changing, 1, 1);
  await assert.rejects(
    location.read({
      images: (images) =>
        ingestImages(services, images, { source: changing, maxBadImages: 0, keepDays: 7 }, step),
      cifar: async () => assert.fail(),
    }),
    { name: 'Unavailable', message: /it changed while it was read/ },
  );
});

test("a manifest's rows give class, group and side; what is not there is set aside", async () => {
  for (const [name, bytes] of photos) await write(name, bytes);
  const lines = [...photos.keys()].map(
    (name, n) => `${name},${n % 2 ? 10 : 9},p${n % 3},${n < 8 ? 'train' : 'val'}`,
  );
  const path = await write(
    'list.csv',
    ['address,label,group,side', ...lines, 'pets/gone.jpg,9,,'].join('\n'),
  );
  const dataset = await ingest(path, { maxBadImages: 0.1 });
  assert.deepEqual(dataset.classes, ['9', '10']);
  const index = await indexOf(dataset);
  assert.deepEqual(
    index.slice(6, 9).map(({ label, group, side }) => [label, group, side]),
    [
      [0, 'p0', 'train'],
      [1, 'p1', 'train'],
      [0, 'p2', 'validation'],
    ],
  );
  assert.ok(namesOf(dataset).includes('rejected.jsonl'));
});

test('a manifest from the web leads to no local file', async () => {
  served.set('/list.csv', Buffer.from('address,label\n/etc/passwd,cat\n'));
  await assert.rejects(
    ingest(`${origin}/list.csv`),
    /InvalidData: .* names the local file '\/etc\/passwd'/,
  );
});

test("TFRecord sets of other tools are read, by their classes' names where they have them", async () => {
  const record = (label: number, bytes: Uint8Array, text?: string): Buffer =>
    frameRecord(
      encodeFeatures({
        'image/encoded': bytes,
        'image/class/label': label,
        'image/filename': Buffer.from('x.jpg'),
        ...(text !== undefined && { 'image/class/text': Buffer.from(text) }),
      }),
    );
  const all = [...photos.values()];
  await write(
    'train-00000-of-00002',
    Buffer.concat(all.slice(0, 5).map((b, n) => record(n % 2, b, n % 2 ? 'dog' : 'cat'))),
  );
  await write(
    'train-00001-of-00002',
    Buffer.concat(all.slice(5, 9).map((b, n) => record(n % 2, b, n % 2 ? 'dog' : 'cat'))),
  );
  await write(
    'validation-00000-of-00001',
    Buffer.concat(all.slice(9).map((b, n) => record(n % 2, b, n % 2 ? 'dog' : 'cat'))),
  );
  await write('dataset_info.json', '{}');
  const dataset = await ingest(folder, { limits: small });
  assert.deepEqual([dataset.classes, dataset.samples], [classes, 12]);
  const index = await indexOf(dataset);
  assert.deepEqual(
    index.map(({ side }) => side === 'train'),
    all.map((_, n) => n < 9),
  );
  const one = await write(
    'numbers.tfrecord',
    Buffer.concat(all.map((b, n) => record(n % 2 ? 3 : 12, b))),
  );
  assert.deepEqual((await ingest(one)).classes, ['3', '12']);
  const other = await write(
    'other.tfrecord',
    frameRecord(encodeFeatures({ image: Buffer.from('x') })),
  );
  await assert.rejects(
    ingest(other),
    /InvalidData: .*other\.tfrecord@0 has no 'image\/encoded'.*features are image/,
  );
});

test("ImageNet's archives are read as they are published, and entered within a class's tar", async () => {
  const named = (wnid: string, first: number) =>
    [0, 1, 2, 3].map(async (n) => ({
      name: `${wnid}_${n}.JPEG`,
      bytes: await jpegOf(100 + first + n),
    }));
  const wnids = ['n02119789', 'n01440764'];
  const inner = await Promise.all(
    wnids.map(async (wnid, n) => ({
      name: `${wnid}.tar`,
      bytes: await tarOf(...(await Promise.all(named(wnid, 10 * n)))),
    })),
  );
  const validation = [0, 1, 2].map(async (n) => ({
    name: `ILSVRC2012_val_0000000${n + 1}.JPEG`,
    bytes: await jpegOf(150 + n),
  }));
  const devkit = 'ILSVRC2012_devkit_t12/data';
  const archives = {
    'ILSVRC2012_img_train.tar': await tarOf(...inner),
    'ILSVRC2012_img_val.tar': await tarOf(...(await Promise.all(validation))),
    'ILSVRC2012_devkit_t12.tar.gz': gzipSync(
      await tarOf(
        { name: `${devkit}/meta.mat`, bytes: devkitMeta },
        { name: `${devkit}/ILSVRC2012_validation_ground_truth.txt`, bytes: '3\n1\n3\n' },
      ),
    ),
  };
  for (const [name, bytes] of Object.entries(archives)) {
    await write(name, bytes);
    await bucket.put(`imagenet/${name}`, bytes);
  }
  const whole = await ingest(`ilsvrc2012:${folder}`);
  assert.deepEqual(
    [whole.classes, whole.samplesByClass],
    [
      ['n01440764', 'n02119789'],
      [6, 5],
    ],
  );
  assert.deepEqual(
    (await indexOf(whole)).map(({ id, label, side }) => [id, label, side]).slice(6),
    [
      ['train/n01440764/n01440764_2.JPEG', 0, 'train'],
      ['train/n01440764/n01440764_3.JPEG', 0, 'train'],
      ['val/n01440764/ILSVRC2012_val_00000001.JPEG', 0, 'validation'],
      ['val/n02119789/ILSVRC2012_val_00000002.JPEG', 1, 'validation'],
      ['val/n01440764/ILSVRC2012_val_00000003.JPEG', 0, 'validation'],
    ],
  );

  const limits = { bytes: 2000, files: 10 };
  const { digest } = await ingest(`ilsvrc2012:${folder}`, { limits });
  const { store } = services;
  for (let packs = 1; packs <= 5; packs += 1) {
    services = { ...services, store: openMemoryStore() };
    let left = packs;
    const fresh = services.store;
    const putFile: ObjectStore['putFile'] = async (key, path, options) => {
      left -= 1;
      if (left < 0) throw new Error('the worker is killed');
      return fresh.putFile(key, path, options);
    };
    const alive = services;
    services = { ...services, store: { ...fresh, putFile } };
    const source = 'ilsvrc2012:s3://datasets/imagenet/';
    await assert.rejects(ingest(source, { limits }), /the worker is killed/);
    services = alive;
    assert.equal((await ingest(source, { limits })).digest, digest);
  }
  services = { ...services, store };
});

test('a folder with a link in it is refused, and one that has changed is known by its listing', async () => {
  for (const [name, bytes] of photos) await write(name, bytes);
  const describe = async () =>
    (await locateImages(services, { source: folder }, testStep())).description;
  const before = await describe();
  assert.deepEqual(await describe(), before);
  await utimes(join(folder, 'pets/cat/0.jpg'), 1, 1);
  assert.notDeepEqual(await describe(), before);
  await symlink('/etc/passwd', join(folder, 'pets/cat/link.jpg'));
  await assert.rejects(describe(), /InvalidData: .* has 'pets\/cat\/link\.jpg', which is no file/);
});
