/** What a split's stage holds, and says. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { readRows } from '../../activities/read-samples.ts';
import { splitDataset } from '../../activities/split-dataset.ts';
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import { stageDataPrefix, stageManifestKey } from '../../contract/keys.ts';
import { datasetManifestSchema, sides, splitManifestSchema } from '../../contract/manifests.ts';
import type { SplitManifest } from '../../contract/manifests.ts';
import { formatPages, pagesOf } from '../../data/sample-list.ts';
import type { Sample } from '../../data/sample-list.ts';
import { commitManifest, readFileOf, readManifest, writeData } from '../../storage/commit.ts';
import { sha256Hex } from '../../storage/hash.ts';
import { openTestServices, testStep } from '../support/data-services.ts';

let services: Awaited<ReturnType<typeof openTestServices>>;
beforeEach(async () => void (services = await openTestServices()));
afterEach(() => services.remove());

const dataset = '7'.repeat(64);

function made(count: number): Sample[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ id: `${index}`, file: 'images-00000.tfrecord', offset: 100 * index, length: 90 },
    ...{ label: index % 2, sha256: sha256Hex(`content ${index}`) },
  }));
}

/** A dataset of which there is only the index, as nothing else is read. */
async function storeIndex(samples: readonly Sample[]): Promise<void> {
  const { store } = services;
  const files = await writeData(
    store,
    stageDataPrefix(dataset, 'a'),
    formatPages('index', samples),
  );
  await commitManifest(store, stageManifestKey(dataset), datasetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'dataset', attempt: 'a', digest: dataset, inputs: [] },
    ...{ operation: 'made/1', parameters: {}, files, source: 'made', encoding: 'file' },
    ...{ classes: ['cat', 'dog'], samples: samples.length, samplesByClass: [1, 1] },
  });
}

async function split(rules: NonNullable<ConfigInput['dataset']> = {}) {
  const config = configSchema.parse({ dataset: rules });
  const { digest, note, samples } = await splitDataset(services, { dataset, config }, testStep());
  const manifest = await readManifest(
    services.store,
    stageManifestKey(digest),
    splitManifestSchema,
    { deep: true },
  );
  return { digest, note, samples, manifest: manifest! };
}

const linesOf = async ({ files }: SplitManifest, name: string): Promise<unknown[]> => {
  const file = files.find((one) => one.name === name)!;
  const text = Buffer.from(await readFileOf(services.store, file)).toString();
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
};

test('each sample of an index of several pages is on one list, as it is in the index', async () => {
  const all = made(25_000);
  await storeIndex(all);
  const { manifest, samples } = await split();
  assert.equal(pagesOf(manifest.files, 'train').length, 2);
  const listed: Sample[] = [];
  for (const side of sides) {
    const whole = { first: 0, count: samples[side] };
    const rows = await readRows(services.store, manifest.files, side, whole);
    assert.equal(rows.length, samples[side]);
    listed.push(...rows);
  }
  const byOffset = listed.toSorted((a, b) => a.offset - b.offset);
  assert.deepEqual(byOffset, all);
});

test('the manifest and the note hold the counts against what chance gives', async () => {
  await storeIndex(made(10_000));
  const { manifest, note, samples } = await split();
  const { train, validation, test } = samples;
  assert.deepEqual(manifest.samples, samples);
  // 6,000 plus and minus 3 x 49.0, 2,000 plus and minus 3 x 40.0.
  assert.deepEqual(manifest.expected, {
    train: { from: 5854, to: 6146 },
    validation: { from: 1880, to: 2120 },
    test: { from: 1880, to: 2120 },
  });
  assert.equal(manifest.asExpected, true);
  const shown = [train, validation, test].map((count) => count.toLocaleString('en'));
  assert.equal(
    note,
    `train ${shown[0]}, validation ${shown[1]}, test ${shown[2]} (within what chance gives: 5,854-6,146, 1,880-2,120, 1,880-2,120)`,
  );
  const { note: fromStore } = await split();
  assert.equal(fromStore, note);
});

test('counts that chance does not give are said to be outside', async () => {
  const isLow = ({ sha256 }: Sample): boolean => sha256 < '9999';
  await storeIndex(made(2000).filter((sample, index) => isLow(sample) || index % 4 === 0));
  const { manifest, note } = await split();
  assert.equal(manifest.asExpected, false);
  assert.match(note, /\(outside what chance gives: /);
});

test('duplicates and near duplicates are counted, said, and listed in files of the stage', async () => {
  const images = made(600).map((sample, index) => ({
    ...sample,
    phash: sha256Hex(`look ${index}`).slice(0, 16),
  }));
  await storeIndex([
    ...images,
    { ...images[0]!, id: 'copy' },
    { ...images[1]!, id: 'contradiction', label: 0 },
    ...Array.from({ length: 9 }, (_, n) => ({
      ...{ ...images[2]!, id: `edited ${n}`, sha256: sha256Hex(`edited ${n}`) },
    })),
  ]);
  const { manifest, note } = await split();
  assert.deepEqual(manifest.duplicates, { copies: 2, leftOut: 0, contradictions: 1 });
  const sideOf = new Map<string, string>();
  for (const side of sides) {
    const whole = { first: 0, count: manifest.samples[side] };
    for (const { id } of await readRows(services.store, manifest.files, side, whole)) {
      sideOf.set(id, side);
    }
  }
  const family = ['2', ...Array.from({ length: 9 }, (_, n) => `edited ${n}`)];
  const pairs = family.flatMap((a, index) =>
    family.slice(index + 1).filter((b) => sideOf.get(a) !== sideOf.get(b)),
  ).length;
  assert.ok(pairs > 0);
  assert.deepEqual(manifest.nearDuplicates, { pairs, maxDistance: 3 });
  assert.equal((await linesOf(manifest, 'near-duplicates.jsonl')).length, pairs);
  const duplicates = await linesOf(manifest, 'duplicates.jsonl');
  assert.equal(duplicates.length, 2);
  assert.ok(
    note.endsWith(
      `; 2 copies of other images; 1 images under more than one class; ${pairs} pairs of near duplicates across sides`,
    ),
    note,
  );
});

test('classes in another order are the same split, other rules another', async () => {
  await storeIndex(made(600).map((sample) => ({ ...sample, side: sides[sample.offset % 3]! })));
  const { digest } = await split({ classes: ['cat', 'dog'] });
  assert.equal((await split({ classes: ['dog', 'cat'] })).digest, digest);
  const others = [{}, { limit: 300 }, { split: 'own' as const }, { groupBy: '(.)$' }];
  const digests = await Promise.all(others.map(async (rules) => (await split(rules)).digest));
  assert.equal(new Set([digest, ...digests]).size, 5);
});

test("a source's own split is said to be that", async () => {
  await storeIndex(made(600).map((sample, n) => ({ ...sample, side: sides[(n >> 1) % 3]! })));
  const { manifest, note } = await split({ split: 'own' });
  assert.equal(manifest.expected, null);
  assert.equal(note, "train 200, validation 200, test 200 (the source's own split)");
});
