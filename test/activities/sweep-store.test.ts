/** Views are let go of in time, never those that a run under way needs, and one that asks meanwhile has them whole. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { augmentShard } from '../../activities/augment-shard.ts';
import { openStage } from '../../activities/open-stage.ts';
import { sealStage } from '../../activities/seal-stage.ts';
import type { DataServices } from '../../activities/services.ts';
import { stagesInUse } from '../../activities/stages-in-use.ts';
import { describeStage, identifyAugmented, readShardSet } from '../../activities/stages.ts';
import { partManifestKey, stageDataPrefix, stageManifestKey } from '../../contract/keys.ts';
import { shardSetManifestSchema } from '../../contract/manifests.ts';
import { augmentedShards } from '../../contract/stages.ts';
import type { TrainingInputs } from '../../contract/stages.ts';
import { encodeShard } from '../../data/tfrecord.ts';
import { writeRunRecord } from '../../model/run-record.ts';
import { sweepStages } from '../../model/stage-retention.ts';
import { commitManifest, readFileOf, writeData } from '../../storage/commit.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { DamagedObject } from '../../storage/store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { madeSamples } from '../data/support.ts';
import { withAged } from '../support/aged.ts';
import { openTestServices, testStep } from '../support/data-services.ts';
import { overlayStore } from '../support/overlay-store.ts';
import { trainingInputs } from '../support/training-inputs.ts';

const inputs = trainingInputs({
  augment: { keepDays: 6 },
  training: { batchSize: 100, epochs: 4 },
});
let store: ObjectStore;
beforeEach(() => void (store = openMemoryStore()));

/** A base set of two shards. */
async function writeBase(): Promise<void> {
  const classes = ['cat', 'dog', 'fox'];
  const encoded = [0, 1].map((part) => encodeShard(madeSamples(4, 32, 4 * part), classes.length));
  const data = encoded.map(({ bytes }, part) => ({ name: `train-${part}.tfrecord`, bytes }));
  const files = await writeData(store, stageDataPrefix(inputs.train, randomUUID()), data);
  await commitManifest(store, stageManifestKey(inputs.train), shardSetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'shards', attempt: 'test', digest: inputs.train },
    ...{ operation: 'test', parameters: {}, inputs: [], classes, samples: 8, files },
    shards: files.map((file, part) => ({
      ...file,
      samples: 4,
      labelCounts: [...encoded[part]!.labelCounts],
    })),
  });
}

/** As a run does: asks for the first view, makes what is missing of it, and reads it; what is damaged is made anew. */
async function useView(services: DataServices): Promise<string[]> {
  const stage = augmentedShards(inputs, 0);
  for (let tries = 1; ; tries += 1) {
    try {
      const { digest, parts, sealed } = await openStage(services, stage, testStep());
      if (!sealed || tries > 1) {
        for (let part = 0; part < parts; part += 1) {
          await augmentShard(services, { stage, digest, part }, testStep());
        }
        await sealStage(services, stage, testStep());
      }
      const { shards } = await readShardSet(services.store, digest);
      for (const shard of shards) await readFileOf(services.store, shard);
      return shards.map(({ sha256 }) => sha256);
    } catch (error) {
      if (!(error instanceof DamagedObject) || tries === 3) throw error;
    }
  }
}

const calls = ['get', 'put', 'head', 'list', 'delete', 'digest', 'getToFile', 'putFile'] as const;

/** Before its call number `at`, counted from 1, something else happens; `happened` is false where there are fewer. */
function interrupted(at: number, before: () => Promise<unknown>) {
  const state = { happened: false };
  let made = 0;
  const come = async (): Promise<void> => {
    made += 1;
    if (made !== at) return;
    state.happened = true;
    await before();
  };
  const own = Object.fromEntries(
    calls.map((name) => [
      name,
      name === 'list'
        ? async function* (...args: Parameters<ObjectStore['list']>) {
            await come();
            yield* store.list(...args);
          }
        : async (...args: unknown[]) => {
            await come();
            return (store[name] as (...args: unknown[]) => unknown)(...args);
          },
    ]),
  );
  return { state, store: overlayStore(store, own) };
}

/** All that was written up to now is a week old. */
async function sweeperOfNow(): Promise<(over: ObjectStore) => Promise<unknown>> {
  await sleep(2);
  const now = Date.now();
  await sleep(2);
  const isOld = ({ lastModified }: { lastModified: Date }): boolean => lastModified.getTime() < now;
  return (over) => sweepStages(withAged(over, isOld), { days: 6, inUse: new Set() });
}

for (const whole of [true, false]) {
  const what = whole ? 'whole' : 'half-made';
  test(`a ${what} view that is swept at any moment while a run asks for it comes out the same`, async () => {
    const prepared = async (): Promise<void> => {
      store = openMemoryStore();
      await writeBase();
      const services = await openTestServices(store);
      await useView(services);
      if (!whole) {
        const { digest } = await describeStage(store, augmentedShards(inputs, 0));
        await store.delete([stageManifestKey(digest), partManifestKey(digest, 1)]);
      }
      await services.remove();
    };
    await prepared();
    const services = await openTestServices(store);
    const expected = await useView(services);
    await services.remove();
    for (const sweeperIsInterrupted of [false, true]) {
      let moments = 0;
      for (let [at, happened] = [1, true]; happened; at += 1) {
        await prepared();
        const sweepOld = await sweeperOfNow();
        let found: string[] | undefined;
        const use = async (over: ObjectStore): Promise<void> => {
          const own = await openTestServices(over);
          found = await useView(own);
          await own.remove();
        };
        const moment = interrupted(at, () => (sweeperIsInterrupted ? use(store) : sweepOld(store)));
        await (sweeperIsInterrupted ? sweepOld : use)(moment.store);
        ({ happened } = moment.state);
        if (!happened && sweeperIsInterrupted) break;
        assert.deepEqual(found, expected, `at call ${at}`);
        // Whatever the sweep took after the run had read it is made again.
        await use(store);
        assert.deepEqual(found, expected, `after call ${at}`);
        moments = at;
      }
      assert.ok(moments > 5, `${moments}`);
    }
  });
}

async function* these(...ids: string[]): AsyncGenerator<string> {
  yield* ids;
}

const recordAt = (change: Partial<TrainingInputs>, step: number): Promise<boolean> =>
  writeRunRecord(store, {
    ...{ run: inputs.run, workflowId: 'nightly', preset: 'quickstart', step },
    execution: { id: 'a', at: step, revision: 0 },
    ...{ inputs: { ...inputs, ...change }, timeline: [], validations: [] },
  });

test('a run under way needs the views of its epoch and the next, and what it validates by', async () => {
  await recordAt({}, 15);
  const digests = [1, 2].map((epoch) => identifyAugmented(augmentedShards(inputs, epoch)).digest);
  const inUse = await stagesInUse(store, these('nightly', 'of another kind'));
  assert.deepEqual([...inUse], [...digests, inputs.validation]);
  assert.equal((await stagesInUse(store, these('other'))).size, 0);
});

test('a run whose views come again needs all of them, up to its end', async () => {
  const config = { ...inputs.config, augment: { ...inputs.config.augment, views: 3 } };
  const needed = async (step: number): Promise<string[]> => {
    await recordAt({ config }, step);
    return [...(await stagesInUse(store, these('nightly')))].slice(0, -1);
  };
  const digests = [0, 1, 2].map(
    (view) => identifyAugmented({ ...augmentedShards(inputs, 0), view }).digest,
  );
  assert.deepEqual((await needed(0)).toSorted(), digests.toSorted());
  assert.deepEqual(await needed(35), digests.slice(0, 1));
});
