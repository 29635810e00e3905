import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allWays, planKills } from '../../../cli/verification/plan.ts';

const ways = allWays.length;

test('a seed gives one plan, and another seed another', () => {
  assert.deepEqual(planKills(10, 300, 7), planKills(10, 300, 7));
  assert.notDeepEqual(planKills(10, 300, 7), planKills(10, 300, 8));
});

test('every way to hit something comes once before any comes again', () => {
  const plan = planKills(2 * ways, 300, 0);
  for (const round of [plan.slice(0, ways), plan.slice(ways)]) {
    assert.equal(new Set(round.map(({ target, signal }) => `${target} ${signal}`)).size, ways);
  }
});

test('a trainer is never sent SIGTERM, which it leaves to its worker', () => {
  const plan = planKills(ways, 300, 0);
  assert.ok(plan.every(({ target, signal }) => target !== 'trainer' || signal !== 'SIGTERM'));
});

test('the first kill comes before training, the last after it, the others one in each stretch', () => {
  const [first, ...rest] = planKills(8, 300, 3).map(({ afterStep }) => afterStep);
  assert.equal(first, 0);
  assert.equal(rest.pop(), 300);
  rest.forEach((step, index) => assert.ok(step >= 50 * index && step < 50 * (index + 1)));
});

test('a single kill falls into training', () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const [kill] = planKills(1, 300, seed);
    assert.ok(kill!.afterStep < 300);
  }
});
