/** Promotion and rollback: what a person may ask for, and what readers find then. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { promoteByHand, promoteCandidate } from '../../activities/promote-model.ts';
import { rollBackModel } from '../../activities/roll-back-model.ts';
import { historyOf, readChampion } from '../../model/champions.ts';
import { readVersion } from '../../model/model-versions.ts';
import { pruneCheckpoints, sweep } from '../../model/retention.ts';
import { openTestServices, testStep } from '../support/data-services.ts';
import { finishRun, metrics } from '../support/finished-run.ts';
import { numerics, trainingInputs } from '../support/training-inputs.ts';

let services: Awaited<ReturnType<typeof openTestServices>>;
beforeEach(async () => void (services = await openTestServices()));
afterEach(() => services.remove());

let requests = 0;
const byHand = (input: unknown) => ({ input, request: `r-${requests++}`, workflowId: 'by-hand' });
const promote = (input: unknown) => promoteByHand(services, byHand(input), testStep());
const rollBack = (input: unknown) => rollBackModel(services, byHand(input), testStep());

const refused = (work: Promise<unknown>, message: RegExp): Promise<void> =>
  assert.rejects(work, { name: 'InvalidConfig', message });

test("a run's best state becomes the champion, with who decided, why and what it is worth", async () => {
  const { digest, checkpoint } = await finishRun(services.store, 'run-a');
  const { outcome } = await promote({ model: 'pets', run: 'run-a-name', by: 'ada', why: 'first' });
  assert.equal(outcome, 'promoted');
  const champion = await readChampion(services.store, 'pets');
  assert.equal(champion?.digest, digest);
  const { value } = await historyOf(services.store, 'pets').next();
  assert.deepEqual(
    [value!.by, value!.why, value!.run, value!.workflowId, value!.metrics, value!.gate],
    ['ada', 'first', 'run-a', 'run-a-name', metrics, null],
  );
  const version = await readVersion(services.store, champion, { deep: true });
  assert.deepEqual(version.checkpoint, checkpoint);
  assert.equal(version.inputs.run, 'run-a');
});

test('a version stays whole when its run lets go of the state, and orphans are swept', async () => {
  const { digest } = await finishRun(services.store, 'run-a');
  await promote({ model: 'pets', run: 'run-a' });
  const inputs = { ...trainingInputs(), run: 'run-a' };
  const keep = { newest: 0, steps: [] };
  await pruneCheckpoints(services.store, inputs, [{ fromStep: 0, numerics }], keep);
  await sweep(services.store, { olderThanMs: -1_000 });
  const version = await readVersion(services.store, { model: 'pets', digest }, { deep: true });
  assert.equal(version.files.length, 2);
});

test('what is the champion already is not promoted again', async () => {
  await finishRun(services.store, 'run-a');
  await promote({ model: 'pets', run: 'run-a' });
  const again = await promote({ model: 'pets', run: 'run-a' });
  assert.deepEqual([again.outcome, again.champion.generation], ['champion already', 1]);
});

test('a candidate does not follow a champion that its gate has not seen', async () => {
  for (const run of ['run-a', 'run-b']) await finishRun(services.store, run);
  const candidate = (follows: number) =>
    promoteCandidate(
      services,
      {
        ...{ model: 'pets', run: 'run-b', request: 'night', by: 'night', why: 'the gate' },
        ...{ gate: { passed: true, samples: 1, rules: [] }, follows },
      },
      testStep(),
    );
  await promote({ model: 'pets', run: 'run-a' });
  const { outcome, champion } = await candidate(0);
  assert.deepEqual([outcome, champion.generation], ['rival', 1]);
  assert.equal((await candidate(1)).outcome, 'promoted');
});

test('one rollback goes to the champion before, the next one further back', async () => {
  const digests: string[] = [];
  for (const run of ['run-a', 'run-b', 'run-c']) {
    digests.push((await finishRun(services.store, run)).digest);
    await promote({ model: 'pets', run });
  }
  const back = async (input: object) => (await rollBack({ model: 'pets', ...input })).champion;
  assert.equal((await back({})).digest, digests[1]);
  assert.equal((await back({})).digest, digests[0]);
  await refused(rollBack({ model: 'pets' }), /the champion of pets replaced no other one/);
  const forth = await back({ to: digests[2]!.slice(0, 8) });
  assert.deepEqual([forth.digest, forth.generation], [digests[2], 6]);
  const { value } = await historyOf(services.store, 'pets').next();
  assert.deepEqual([value!.kind, value!.run], ['rollback', 'run-c']);
});

test('a version that went bad is not rolled back to', async () => {
  const { digest } = await finishRun(services.store, 'run-a');
  await promote({ model: 'pets', run: 'run-a' });
  await finishRun(services.store, 'run-b');
  await promote({ model: 'pets', run: 'run-b' });
  const { files } = await readVersion(services.store, { model: 'pets', digest });
  await services.store.put(files[1]!.key, Buffer.from('RUN-A'));
  await assert.rejects(rollBack({ model: 'pets' }), { name: 'DamagedObject' });
  assert.equal((await readChampion(services.store, 'pets'))?.generation, 2);
});

test('a wrong input is refused with each key, its value and the rule', async () => {
  await refused(
    promote({ model: 'My Model', runs: 'x' }),
    /the input is not valid:\n- model: "My Model": must be 1 to 63 of a-z.*\n- run: Invalid input.*\n- runs: "x": there is no such key; the input is \{ model, run, by\?, why\? \}/,
  );
  await refused(promote(undefined), /- model: Invalid input.*\n- run: /);
  await refused(promote({ model: 'pets', run: 'nobody' }), /run: "nobody": no run that came to/);
  await refused(rollBack({ model: 'pets' }), /model: "pets": it has no champion/);
  await refused(rollBack({ model: 'pets', to: 'xyz' }), /to: "xyz": must be a version's digest/);
  await finishRun(services.store, 'run-a');
  await promote({ model: 'pets', run: 'run-a' });
  await refused(rollBack({ model: 'pets', to: '00000000' }), /pets has no such version/);
});
