import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetSeconds } from '../../contract/budget.ts';
import { configSchema } from '../../contract/config.ts';

test('a budget is spent with its hours, or with its money, whichever is first', () => {
  assert.equal(budgetSeconds({ hours: 2 }), 7_200);
  assert.equal(budgetSeconds({ money: 5, pricePerHour: 2 }), 9_000);
  assert.equal(budgetSeconds({ hours: 2, money: 5, pricePerHour: 2 }), 7_200);
});

test('without hours and money there is no bound, also where the price is known', () => {
  assert.equal(budgetSeconds(), undefined);
  assert.equal(budgetSeconds({ pricePerHour: 2 }), undefined);
});

test('money without a price is refused', () => {
  const { error } = configSchema.safeParse({ budget: { money: 5 } });
  assert.match(error!.issues[0]!.message, /money needs pricePerHour/);
});
