/** Whether anything is new for a model since the last run that was judged. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { findConsidered, noteConsidered } from '../../activities/considered.ts';
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import { nightIdentity } from '../../contract/forks.ts';
import { consideredKey } from '../../contract/keys.ts';
import { consideredSchema } from '../../contract/models.ts';
import type { Considered } from '../../contract/models.ts';
import { digestOf } from '../../data/digest.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { movePointer } from '../../storage/pointer.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { damages } from '../support/damage.ts';
import { testStep } from '../support/data-services.ts';

const [day1, day2] = ['1'.repeat(64), '2'.repeat(64)];
const promotion = { model: 'pets', warmStart: 'champion' } as const;

let store: ObjectStore;
beforeEach(() => void (store = openMemoryStore()));

const night = (dataset: string, own: ConfigInput = {}) => ({
  ...{ model: 'pets', dataset },
  config: configSchema.parse({ promotion, ...own }),
});
const note = (dataset: string, own?: ConfigInput, at = 1) =>
  noteConsidered(
    { store },
    { ...night(dataset, own), run: `r-${at}`, workflowId: `night-${at}`, at },
    testStep(),
  );
const find = (dataset: string, own?: ConfigInput) =>
  findConsidered({ store }, night(dataset, own), testStep());

test('the same dataset and settings are known, with the run that has considered them', async () => {
  assert.equal(await find(day1), null);
  await note(day1);
  assert.equal((await find(day1))?.workflowId, 'night-1');
});

test('new images are new, and so is a setting that changes what is learned', async () => {
  await note(day1);
  assert.equal(await find(day2), null);
  assert.equal(await find(day1, { training: { epochs: 3 } }), null);
  assert.equal(await find(day1, { dataset: { limit: 500 } }), null);
  assert.equal(await find(day1, { model: { dropout: 0.4 } }), null);
});

test('when is validated, and what a plateau does, is new: other states would be the best', async () => {
  await note(day1);
  assert.equal(await find(day1, { training: { validateEverySteps: 7 } }), null);
  assert.equal(await find(day1, { training: { plateau: {} } }), null);
});

test('so is another end of training, by a rule or a budget; a price alone ends none', async () => {
  await note(day1);
  assert.equal(await find(day1, { training: { earlyStop: {} } }), null);
  assert.equal(await find(day1, { training: { target: 0.9 } }), null);
  assert.equal(await find(day1, { budget: { hours: 1 } }), null);
  assert.ok(await find(day1, { budget: { pricePerHour: 2 } }));
});

test('neither another champion to begin with, nor another gate or address is new', async () => {
  await note(day1);
  const champion = { weights: 'champion:pets', weightsSha256: '3'.repeat(64) };
  assert.ok(await find(day1, { model: champion }));
  assert.ok(await find(day1, { promotion: { ...promotion, minAccuracy: 0.9 } }));
  assert.ok(await find(day1, { dataset: { source: '/elsewhere.tar' } }));
  assert.ok(await find(day1, { training: { sliceSeconds: 60 } }));
});

test("other weights to begin with are new where these are not the champion's", async () => {
  const scratch = { model: 'pets' };
  await note(day1, { promotion: scratch });
  assert.ok(await find(day1, { promotion: scratch }));
  assert.equal(await find(day1, { promotion: scratch, model: { weights: 'imagenet' } }), null);
});

test("another champion to begin with is new where it is another model's, not the run's own", async () => {
  const from = (model: string, digit: string): ConfigInput => ({
    promotion: { model: 'pets' },
    model: { weights: `champion:${model}`, weightsSha256: digit.repeat(64) },
  });
  await note(day1, from('dogs', '3'));
  assert.ok(await find(day1, from('dogs', '3')));
  assert.equal(await find(day1, from('dogs', '4')), null);
  assert.equal(await find(day1, from('pets', '3')), null);
  await note(day1, from('pets', '3'), 2);
  assert.ok(await find(day1, from('pets', '4')));
});

test('what other versions of the operations have made of the images is new', async () => {
  await note(day1);
  const { config } = night(day1);
  const settingsAlone = digestOf(nightIdentity(config));
  const earlier = (current: Considered | undefined) => ({ ...current!, night: settingsAlone });
  await movePointer(store, consideredKey('pets'), consideredSchema, earlier);
  assert.equal(await find(day1), null);
});

test('of two runs that end at once the later note stands', async () => {
  await note(day2, {}, 2);
  await note(day1, {}, 1);
  assert.ok(await find(day2));
});

for (const [damage, hurt] of Object.entries(damages)) {
  test(`of the note, ${damage}: the next run trains`, async () => {
    await note(day1);
    await hurt(store, consideredKey('pets'));
    assert.equal(await find(day1), null);
    await note(day1);
    assert.ok(await find(day1));
  });
}
