/** What base shards are known by. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { describeStage } from '../../activities/stages.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { datasetManifestSchema, splitManifestSchema } from '../../contract/manifests.ts';
import type { Encoding } from '../../contract/manifests.ts';
import { decoder } from '../../data/decode.ts';
import { commitManifest } from '../../storage/commit.ts';
import { openTestServices } from '../support/data-services.ts';

let services: Awaited<ReturnType<typeof openTestServices>>;
beforeEach(async () => void (services = await openTestServices()));
afterEach(() => services.remove());

/** The parameters of the base shards of a dataset that is kept so. */
async function parametersOf(encoding: Encoding, digits: string): Promise<unknown> {
  const [dataset, split] = [digits[0]!.repeat(64), digits[1]!.repeat(64)];
  const common = { version: 1 as const, generation: 0, attempt: 'a', files: [], parameters: {} };
  const classes = ['cat', 'dog'];
  await commitManifest(services.store, stageManifestKey(dataset), datasetManifestSchema, {
    ...{ ...common, kind: 'dataset', digest: dataset, inputs: [], operation: 'made/1', encoding },
    ...{ source: 'made', classes, samples: 30, samplesByClass: [15, 15] },
  });
  await commitManifest(services.store, stageManifestKey(split), splitManifestSchema, {
    ...{ ...common, kind: 'split', digest: split, inputs: [dataset], operation: 'made/1', dataset },
    ...{ classes, samples: { train: 10, validation: 10, test: 10 } },
    samplesByClass: { train: [5, 5], validation: [5, 5], test: [5, 5] },
    ...{ expected: null, asExpected: null, nearDuplicates: null },
    duplicates: { copies: 0, leftOut: 0, contradictions: 0 },
  });
  const stage = { kind: 'base', split, side: 'train', imageSize: 32, shardBytes: 1e6 } as const;
  return (await describeStage(services.store, stage)).parameters;
}

test('those of image files are known by what decoded them too, those of planes are not', async () => {
  const ofPlanes = await parametersOf('planes', '12');
  assert.deepEqual(await parametersOf('file', '34'), { ...(ofPlanes as object), decoder });
  assert.match(decoder, /^decode\/\d+, sharp [\d.]+, libvips [\d.]+$/);
});
